//! What comes out: the runs as JSON, tables for those who read, plots.

mod axis;
mod json;
mod plot;
mod summary;
mod table;

use crate::Result;
use crate::figures::Run;
use crate::machine;
use crate::plan::Case;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Everything that there is to tell.
#[derive(Serialize)]
pub struct Report {
    pub date: String,
    pub machine: String,
    pub versions: Vec<String>,
    pub cases: Vec<Heading>,
    pub runs: Vec<Run>,
    pub failures: Vec<String>,
    /// Peers and tools that are not here, and why.
    pub missing: Vec<String>,
}

/// A case, as far as a report needs it.
#[derive(Serialize)]
pub struct Heading {
    pub suite: &'static str,
    pub case: String,
    pub exact: bool,
    pub baseline: &'static str,
    pub peers: Vec<&'static str>,
}

impl Heading {
    /// Whose figures the others are divided by; nobody's, if they are counts.
    fn compared_with(&self) -> Option<&'static str> {
        (!self.exact).then_some(self.baseline)
    }
}

impl Report {
    pub fn new(
        versions: Vec<String>,
        missing: Vec<String>,
        cases: &[Case],
        runs: Vec<Run>,
        failures: Vec<String>,
    ) -> Result<Report> {
        let heading = |case: &Case| Heading {
            suite: case.suite,
            case: case.name.clone(),
            exact: case.exact,
            baseline: case.baseline.name(),
            peers: case.peers.iter().map(|peer| peer.name()).collect(),
        };
        Ok(Report {
            date: machine::today()?,
            machine: machine::in_words(),
            versions,
            cases: cases.iter().map(heading).collect(),
            runs,
            failures,
            missing,
        })
    }

    /// The runs of one case.
    pub fn runs_of(&self, heading: &Heading) -> Vec<&Run> {
        let here = |run: &&Run| (run.suite, &*run.case, run.exact) == (heading.suite, &*heading.case, heading.exact);
        self.runs.iter().filter(here).collect()
    }
}

/// Writes all of it, and says where.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let plots = plot::write(report, folder)?;
    let table = table::text(report, &plots);
    fs::write(folder.join("results.json"), json::text(report)?)?;
    fs::write(folder.join("results.md"), &table)?;
    fs::write(folder.join("summary.md"), summary::text(report))?;
    println!("{table}\nwritten to {}", folder.display());
    Ok(())
}
