//! What is asked for on the command line.

use crate::Result;
use crate::peer::Peer;
use crate::suite;
use lexopt::{Arg, ValueExt};
use std::path::PathBuf;

pub const USAGE: &str = "\
usage: cargo run --release -p bench -- [OPTIONS]

    --suite NAMES   only these suites, separated by commas
    --peers NAMES   only these beside selkie, separated by commas
    --quick         fewer rounds, shorter and smaller: to see whether it works
    --out FOLDER    where to write the results (target/bench)
    --budget FILE   fail if selkie costs more than the file allows
    --list          name the suites and the peers
    --help          this";

pub struct Options {
    pub suites: Vec<&'static str>,
    pub peers: Vec<Peer>,
    pub quick: bool,
    pub out: PathBuf,
    pub budget: Option<PathBuf>,
    pub wish: Wish,
}

#[derive(PartialEq, Eq)]
pub enum Wish {
    Measure,
    List,
    Help,
}

impl Options {
    pub fn parse(mut parser: lexopt::Parser) -> Result<Options> {
        let mut options = Options {
            suites: suite::NAMES.to_vec(),
            peers: Peer::ALL.to_vec(),
            quick: false,
            out: PathBuf::from("target/bench"),
            budget: None,
            wish: Wish::Measure,
        };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("suite" | "suites") => options.suites = suites(&parser.value()?.string()?)?,
                Arg::Long("peers") => options.peers = peers(&parser.value()?.string()?)?,
                Arg::Long("quick") => options.quick = true,
                Arg::Long("out") => options.out = parser.value()?.into(),
                Arg::Long("budget") => options.budget = Some(parser.value()?.into()),
                Arg::Long("list") => options.wish = Wish::List,
                Arg::Long("help") | Arg::Short('h') => options.wish = Wish::Help,
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

fn suites(names: &str) -> Result<Vec<&'static str>> {
    let known = |name| suite::NAMES.into_iter().find(|known| *known == name);
    names.split(',').map(|name| known(name).ok_or_else(|| format!("there is no suite {name}").into())).collect()
}

fn peers(names: &str) -> Result<Vec<Peer>> {
    let mut peers = vec![Peer::Selkie];
    for name in names.split(',') {
        let peer = Peer::named(name).ok_or_else(|| format!("there is no peer {name}"))?;
        if !peers.contains(&peer) {
            peers.push(peer);
        }
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        Options::parse(lexopt::Parser::from_args(args))
    }

    #[test]
    fn selkie_is_always_among_the_peers() {
        let options = parse(&["--peers", "mio,tokio", "--quick"]).unwrap();
        assert_eq!(options.peers, [Peer::Selkie, Peer::Mio, Peer::Tokio]);
        assert!(options.quick);
    }

    #[test]
    fn unknown_names_are_refused() {
        assert!(parse(&["--suite", "echoes"]).is_err());
        assert!(parse(&["--peers", "nio"]).is_err());
        assert!(parse(&["--fast"]).is_err());
    }
}
