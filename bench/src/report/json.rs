//! Every figure of every run, for other programs.

use super::Report;
use crate::Result;

pub fn text(report: &Report) -> Result<String> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}
