//! The files of `scan`: baselines and suppressions.

use std::io::Write as _;
use std::path::Path;

use cryoscope::analysis::{Baseline, Scan, Suppressions};
use cryoscope::tables::Container;

use super::super::screen::note;
use crate::cli::Failure;
use crate::cli::args::{Global, ScanArgs};
use crate::cli::newfile::{NewFile, Readers};
use crate::cli::text_file;

/// Largest file that is read, in bytes.
const MOST: u64 = 64 << 20;

/// What hides findings.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    baseline: Option<Baseline>,
    suppressions: Option<Suppressions>,
}

impl Hidden {
    /// Reads the files that the arguments name.
    pub(super) fn read(args: &ScanArgs) -> Result<Self, Failure> {
        let wrong = |path: &Path, error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", path.display()));
        let baseline = args
            .baseline
            .as_deref()
            .map(|path| Baseline::parse(&text_file::read(path, MOST)?).map_err(|error| wrong(path, &error)))
            .transpose()?;
        let suppressions = args
            .suppress
            .as_deref()
            .map(|path| Suppressions::parse(&text_file::read(path, MOST)?).map_err(|error| wrong(path, &error)))
            .transpose()?;
        Ok(Hidden { baseline, suppressions })
    }

    /// Marks what is hidden. Returns which suppressions hid something.
    pub(super) fn apply(&self, scan: &mut Scan, container: &Container) -> Vec<bool> {
        if let Some(baseline) = &self.baseline {
            baseline.apply(scan);
        }
        let image = container.image.as_deref();
        self.suppressions.as_ref().map_or_else(Vec::new, |all| all.apply(scan, image, container.checkpointed))
    }

    /// Names the suppressions that hid nothing: they may be misspelt, or no longer needed.
    pub(super) fn complain_of_unused(&self, used: &[bool], global: &Global) {
        let Some(suppressions) = &self.suppressions else { return };
        for (place, _) in used.iter().enumerate().filter(|(_, used)| !**used) {
            note(&format!("the suppression of {} matched nothing", suppressions.describe(place)), global);
        }
    }
}

/// Writes a baseline.
pub(super) fn write_baseline(path: &Path, text: &str, global: &Global) -> Result<(), Failure> {
    let claim = global.outputs.claim(path)?;
    let mut file = NewFile::create(&claim, global.force, Readers::Owner)?;
    file.write_all(text.as_bytes())?;
    file.finish()?;
    Ok(())
}
