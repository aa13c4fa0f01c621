//! Housekeeping: what is said about the project agrees with what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The text of a file of the project.
fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files in a folder and those below, by their path from the root, with `/` everywhere.
fn rust_files(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect_rust_files(folder, &mut found);
    assert!(!found.is_empty(), "there are no Rust files in {folder}");
    found
}

fn collect_rust_files(folder: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect_rust_files(&path, found);
        } else if path.ends_with(".rs") {
            found.insert(path);
        }
    }
}

/// What stands between backquotes in a text, its fenced blocks left out.
fn quoted(text: &str) -> BTreeSet<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// The words of a file's code: line comments, and documentation with them, left out.
fn words_of_code(text: &str) -> BTreeSet<&str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap());
    code.flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || c == '_'))).collect()
}

#[test]
fn changelog_has_the_current_version() {
    let changelog = text("CHANGELOG.md");
    let mut versions = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let newest = versions.next().expect("CHANGELOG.md has no version");
    assert_eq!(newest.split(',').next(), Some(env!("CARGO_PKG_VERSION")), "the newest version in CHANGELOG.md");
}

#[test]
fn oldest_rust_is_named_in_the_manifest_only() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    assert!(!version.is_empty(), "Cargo.toml names no rust-version");
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        for number in [version, "Rust 1."] {
            assert!(!text(page).contains(number), "{page} names a version of Rust: {number}");
        }
    }
}

#[test]
fn map_of_the_code_names_each_file_and_no_other() {
    let architecture = text("ARCHITECTURE.md");
    let named: BTreeSet<&str> = quoted(&architecture).into_iter().filter(|name| name.ends_with(".rs")).collect();
    for file in rust_files("src") {
        assert!(named.contains(&*file), "ARCHITECTURE.md does not name {file}");
    }
    for file in named {
        assert!(root().join(file).is_file(), "ARCHITECTURE.md names {file}, which does not exist");
    }
}

#[test]
fn readme_names_methods_that_exist() {
    let readme = text("README.md");
    let sources: String = rust_files("src").iter().map(text).collect();
    let mut checked = 0;
    for code in quoted(&readme) {
        let receivers = ["sel", "source", "ready"];
        let Some((receiver, call)) = code.split_once('.') else { continue };
        // `sel.fileno()` and the like are Python's: they stand in the first column of the table.
        let in_first_column = format!("\n| `{code}`");
        if !receivers.contains(&receiver) || readme.contains(&in_first_column) {
            continue;
        }
        let name = call.split('(').next().unwrap();
        assert!(
            sources.contains(&format!("pub fn {name}")) || sources.contains(&format!("pub const fn {name}(")),
            "README.md names `{code}`, and there is no `{name}`"
        );
        checked += 1;
    }
    assert!(checked > 20, "only {checked} names were found in README.md: has its table another form?");
}

#[test]
fn pages_link_to_files_that_exist() {
    for page in [
        "README.md",
        "README.zh-CN.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "examples/README.md",
        "docs/performance/results.md",
    ] {
        let folder = Path::new(page).parent().unwrap();
        let page_text = text(page);
        let targets = page_text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            if file.is_empty() {
                let headings = page_text.lines().filter(|line| line.starts_with("## "));
                let mut anchors = headings.map(|line| line[3..].to_lowercase().replace(' ', "-"));
                assert!(anchors.any(|anchor| anchor == heading), "{page} links to #{heading}, which it has not");
            } else {
                assert!(root().join(folder).join(file).exists(), "{page} links to {file}, which does not exist");
            }
        }
    }
}

#[test]
fn example_says_how_to_run_it_and_is_listed() {
    let list = text("examples/README.md");
    for file in rust_files("examples") {
        let name = file.trim_start_matches("examples/").trim_end_matches("/main.rs").trim_end_matches(".rs");
        if name.contains('/') {
            continue; // a part of an example
        }
        let example = text(&file);
        let header: Vec<&str> = example.lines().take_while(|line| line.starts_with("//!")).collect();
        let command = format!("cargo run --example {name}");
        assert!(header.iter().any(|line| line.contains(&command)), "the head of {file} does not say `{command}`");
        assert!(list.contains(name), "examples/README.md does not list {name}");
    }
}

#[test]
fn readme_shows_what_was_measured() {
    let summary = text("docs/performance/summary.md");
    assert!(summary.contains("| selkie |"), "docs/performance/summary.md has no figures");
    assert!(text("README.md").contains(&summary), "README.md shows other figures than docs/performance/summary.md");
}

#[test]
fn sources_hold_no_reminders() {
    for file in rust_files("src").into_iter().chain(rust_files("tests")).chain(rust_files("examples")) {
        let source = text(&file);
        // Put together here, so that this file holds none itself.
        for reminder in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("dbg", "!(")] {
            assert!(!source.contains(reminder), "{file} has a {reminder}");
        }
    }
}

#[test]
fn test_files_are_each_named_where_they_belong() {
    for file in rust_files("tests/it") {
        let (folder, name) = file.trim_end_matches(".rs").rsplit_once('/').unwrap();
        if file == "tests/it/main.rs" {
            continue;
        }
        let parent = if folder == "tests/it" { "tests/it/main.rs".to_owned() } else { format!("{folder}.rs") };
        let declared = text(&parent).lines().any(|line| line.trim().ends_with(&format!("mod {name};")));
        assert!(declared, "{parent} does not name {name}: it is never run");
    }
}

#[test]
fn only_the_selector_sees_mios_poll() {
    let sees = |file: &String| words_of_code(&text(file)).contains("Poll");
    let files: Vec<_> = rust_files("src").into_iter().filter(sees).collect();
    assert!(!files.is_empty(), "nobody waits");
    for file in files {
        assert!(file.starts_with("src/selector"), "{file} sees mio's `Poll`");
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    assert!(text("src/lib.rs").lines().any(|line| line == "#![forbid(unsafe_code)]"));
}
