//! What is translated shows the same code as its original.

use std::fs;
use std::path::Path;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The fenced blocks of a page, each with the line that opens it.
fn code_blocks(page: &str) -> Vec<String> {
    let text = text(page).replace("\r\n", "\n");
    let mut fenced = text.split("\n```");
    fenced.next();
    let blocks: Vec<String> = fenced.step_by(2).map(str::to_owned).collect();
    assert!(!blocks.is_empty(), "{page} has no code");
    blocks
}

fn assert_same_code(original: &str, translation: &str) {
    let (of_original, of_translation) = (code_blocks(original), code_blocks(translation));
    for (number, (one, other)) in of_original.iter().zip(&of_translation).enumerate() {
        assert!(one == other, "block {} of {translation} is not that of {original}, which is\n{one}", number + 1);
    }
    assert_eq!(of_original.len(), of_translation.len(), "blocks in {original} and in {translation}");
}

#[test]
fn translated_readme_has_the_code_of_the_original() {
    assert_same_code("README.md", "README.zh-CN.md");
}

#[test]
fn translated_chapters_have_the_code_of_the_originals() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/zh");
    let mut compared = 0;
    for chapter in fs::read_dir(folder).unwrap() {
        let name = chapter.unwrap().file_name().into_string().unwrap();
        assert_same_code(&format!("src/guide/{name}"), &format!("src/guide/zh/{name}"));
        compared += 1;
    }
    assert_eq!(compared, 4, "translated chapters");
}
