//! The programs that are written in C, in `bench/c`. They are compiled when they are needed, if the
//! compiler and the library are there.

use crate::Result;
use crate::child::output;
use crate::machine;
use crate::peer::Peer;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a peer that is written in C needs.
pub struct Library {
    /// For the linker; none for what stands on the system alone.
    link: Option<&'static str>,
    header: &'static str,
    /// What the header makes into the library's version; empty for the system.
    version: &'static str,
    /// Debian's package with the header.
    package: &'static str,
}

pub fn library(peer: Peer) -> Option<Library> {
    Some(match peer {
        Peer::Epoll => Library { link: None, header: "sys/epoll.h", version: "", package: "libc6-dev" },
        Peer::Libuv => Library {
            link: Some("-luv"),
            header: "uv.h",
            version: "UV_VERSION_MAJOR.UV_VERSION_MINOR.UV_VERSION_PATCH",
            package: "libuv1-dev",
        },
        Peer::Libevent => Library {
            link: Some("-levent"),
            header: "event2/event.h",
            version: "EVENT__VERSION",
            package: "libevent-dev",
        },
        Peer::Libev => Library {
            link: Some("-lev"),
            header: "ev.h",
            version: "EV_VERSION_MAJOR.EV_VERSION_MINOR",
            package: "libev-dev",
        },
        Peer::Selkie | Peer::Mio | Peer::Calloop | Peer::Polling | Peer::Tokio => return None,
    })
}

/// A compiler that has found the library.
pub struct Compiler {
    link: Option<&'static str>,
    sources: PathBuf,
    programs: PathBuf,
}

/// The compiler, or why there is none.
pub fn compiler(library: &Library) -> Result<std::result::Result<Compiler, String>> {
    let Library { link, header, package, .. } = *library;
    if !machine::has("cc") {
        return Ok(Err("there is no C compiler".into()));
    }
    if output(&mut expand(library)).is_err() {
        return Ok(Err(format!("there is no {header} (Debian's package is {package})")));
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("c");
    let programs = env::current_exe()?.with_file_name("bench-c");
    fs::create_dir_all(&programs)?;
    Ok(Ok(Compiler { link, sources, programs }))
}

/// The version of a library, as its header has it.
pub fn version(library: &Library) -> Result<String> {
    let expanded = output(&mut expand(library))?;
    let version = expanded.lines().last().unwrap_or_default();
    Ok(version.replace([' ', '"'], ""))
}

/// Has the preprocessor put the version where its macros stood.
fn expand(library: &Library) -> Command {
    let mut command = Command::new("sh");
    let script = "echo \"$1\" | cc -E -P -include \"$0\" -x c -";
    command.args(["-c", script, library.header, library.version]);
    command
}

impl Compiler {
    /// Compiles a program, if there is such a one.
    pub fn compile(&self, name: &str) -> Result<Option<PathBuf>> {
        let source = self.sources.join(name).with_extension("c");
        if !source.exists() {
            return Ok(None);
        }
        let program = self.programs.join(name);
        let mut command = Command::new("cc");
        command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source).args(self.link);
        output(&mut command)?;
        Ok(Some(program))
    }
}
