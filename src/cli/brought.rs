//! Options for what the user brings to a scan besides the archive, and how it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use cryoscope::analysis::Brought;
use cryoscope::analysis::indicators::{Indicators, Loader};

use super::Failure;
use super::args::Global;
use super::screen::complain;

/// What the user brings to a scan.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct BroughtArgs {
    /// Compare with indicators: lists of lines, CSV, STIX 2.1 bundles, MISP events and feeds
    ///
    /// A directory stands for its files, or for the feed of MISP that it is; `-` for standard input. What a file is follows
    /// from its contents.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) ioc: Vec<PathBuf>,
    /// Also use indicators that are too general or, in MISP, not marked for detection
    #[arg(long, requires = "ioc", hide_short_help = true)]
    pub(crate) ioc_all: bool,
    /// Pass over indicators that are too general, by MISP's warninglists in this directory
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) warninglists: Option<PathBuf>,
}

impl BroughtArgs {
    /// Reads everything that was named.
    pub(crate) fn read(&self, global: &Global) -> Result<Arc<Brought>, Failure> {
        let mut brought = Brought::default();
        if let Some(indicators) = self.indicators(global)? {
            brought = brought.with_indicators(indicators);
        }
        Ok(Arc::new(brought))
    }

    /// The files and directories that are read.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        self.ioc.iter().chain(&self.warninglists).cloned().collect()
    }

    fn indicators(&self, global: &Global) -> Result<Option<Indicators>, Failure> {
        if self.ioc.is_empty() {
            return Ok(None);
        }
        let say = |message: &str| {
            if !global.quiet {
                complain(message);
            }
        };
        let mut loader = Loader::new(self.ioc_all);
        if let Some(directory) = &self.warninglists {
            let (_, bad) = loader.add_warninglists(directory).map_err(|error| Failure::Usage(error.to_string()))?;
            for error in &bad {
                say(&format!("{error}; this warninglist is not used"));
            }
        }
        for path in &self.ioc {
            if path == Path::new("-") {
                let read = loader.read(path, std::io::stdin());
                read.map_err(|why| Failure::Usage(format!("standard input: {why}")))?;
            } else {
                loader.add(path).map_err(|error| Failure::Usage(error.to_string()))?;
            }
        }
        let indicators = loader.finish();
        for list in indicators.lists() {
            for (why, (count, place)) in &list.not_used {
                let more = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
                say(&format!("{}: {place}{more}: not used: {why}", list.file.display()));
            }
        }
        if indicators.is_empty() {
            let names: Vec<String> = self.ioc.iter().map(|path| path.display().to_string()).collect();
            return Err(Failure::Usage(format!("{}: no indicator that can be used", names.join(", "))));
        }
        if indicators.not_in_memory() > 0 {
            let count = indicators.not_in_memory();
            say(&format!(
                "{count} texts of --ioc are not searched for in memory: no word in them is long and rare enough"
            ));
        }
        Ok(Some(indicators))
    }
}
