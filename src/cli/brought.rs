//! Options for what the user brings to a scan besides the archive, and how it is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use cryoscope::analysis::yara::{Loaded, Loader, Rules};
use cryoscope::analysis::{Brought, sigma};

use super::Failure;
use super::args::Global;
use super::screen::complain;

/// What the user brings to a scan.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rules and lists of your own")]
pub(crate) struct BroughtArgs {
    /// Look for these YARA rules in memory, files and queues: a file, or a directory with files *.yar and *.yara
    ///
    /// A file that does not load is named, and the others run. All memory is kept when a compressed archive is read:
    /// first in memory, then in a temporary file.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) yara: Vec<PathBuf>,
    /// Look for the YARA rules that are part of this program
    #[arg(long)]
    pub(crate) yara_builtin: bool,
    /// Ask these Sigma rules about processes, files and connections: a file, or a directory with files *.yml and *.yaml
    ///
    /// What is wrong in them is named, and the others run. Rules for other logs are counted in the coverage.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) sigma: Vec<PathBuf>,
    /// Stop the YARA scan of a process or file after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, hide_short_help = true)]
    pub(crate) yara_timeout: f64,
}

impl BroughtArgs {
    /// Whether there are YARA rules among it.
    pub(crate) fn has_yara(&self) -> bool {
        !self.yara.is_empty() || self.yara_builtin
    }

    /// Reads everything that was named.
    pub(crate) fn read(&self, global: &Global) -> Result<Arc<Brought>, Failure> {
        let mut brought = Brought::default();
        if self.has_yara() {
            brought = brought.with_yara(self.yara_rules(global)?);
        }
        if !self.sigma.is_empty() {
            brought = brought.with_sigma(self.sigma_rules(global)?);
        }
        Ok(Arc::new(brought))
    }

    fn sigma_rules(&self, global: &Global) -> Result<sigma::Rules, Failure> {
        if !sigma::Loader::EXISTS {
            let message =
                "this build of cryoscope has no Sigma; build it with the feature `sigma`, which is on by default";
            return Err(Failure::Usage(message.to_owned()));
        }
        let mut loader = sigma::Loader::new();
        for path in &self.sigma {
            loader.path(path);
        }
        let sigma::Loaded { rules, problems, .. } = loader.finish();
        if rules.count() == 0 && rules.left_out() == 0 {
            let why = problems.first().map_or("no file *.yml or *.yaml is there", String::as_str);
            return Err(Failure::Usage(format!("no Sigma rule loads: {why}")));
        }
        if !global.quiet {
            for problem in &problems {
                complain(&format!("Sigma rules: {problem}"));
            }
        }
        Ok(rules)
    }

    fn yara_rules(&self, global: &Global) -> Result<Rules, Failure> {
        if !Loader::EXISTS {
            let message =
                "this build of cryoscope has no YARA; build it with the feature `yara`, which is on by default";
            return Err(Failure::Usage(message.to_owned()));
        }
        let time = Duration::try_from_secs_f64(self.yara_timeout)
            .map_err(|_| Failure::Usage(format!("--yara-timeout {}: give a number of seconds", self.yara_timeout)))?;
        let mut loader = Loader::new();
        for path in &self.yara {
            loader.path(path);
        }
        if self.yara_builtin {
            loader.builtin();
        }
        let Loaded { rules, problems, .. } = loader.finish();
        let Some(rules) = rules else {
            let why = problems.first().map_or("no file *.yar or *.yara is there", String::as_str);
            return Err(Failure::Usage(format!("no YARA rule loads: {why}")));
        };
        if !global.quiet {
            for problem in &problems {
                complain(&format!("YARA rules: {problem}"));
            }
        }
        Ok(rules.with_time(time))
    }
}
