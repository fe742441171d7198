//! Tables of what rules found.

mod elf_files;
mod evidence;
mod findings;
mod image_changes;
mod ioc_matches;
mod modules;
mod rule_coverage;
mod secret_rotation;
mod secrets;
mod yara_matches;

use bstr::BString;

pub use self::elf_files::ElfImage;
pub use self::evidence::EvidenceRow;
pub use self::findings::FindingRow;
pub use self::image_changes::ImageChange;
pub use self::ioc_matches::IocMatch;
pub use self::modules::ModuleRow;
pub use self::rule_coverage::RuleCoverage;
pub use self::secret_rotation::RotationRow;
pub use self::secrets::SecretRow;
pub use self::yara_matches::YaraMatch;
use super::credentials::Secrets;
use super::plan::KEEP;
use super::secrets::{Secret, SecretsMode};
use super::{Brought, Facts, Finding, Scan, plan};
use crate::Checkpoint;
use crate::memory::Keep;
use crate::tables::TableSource;

/// The tables.
pub const ALL: &[TableSource] = &[
    TableSource::new(&FindingRow::TABLE, KEEP, |context, sink| {
        let _ = findings(context.checkpoint, &Scan::of(context.checkpoint)).try_for_each(|row| sink(&row));
    }),
    TableSource::new(&EvidenceRow::TABLE, KEEP, |context, sink| {
        let _ = evidence(context.checkpoint, &Scan::of(context.checkpoint)).try_for_each(|row| sink(&row));
    }),
    TableSource::new(&RuleCoverage::TABLE, KEEP, |context, sink| {
        let _ = rule_coverage(&Scan::of(context.checkpoint)).try_for_each(|row| sink(&row));
    }),
    TableSource::new(&IocMatch::TABLE, KEEP, |context, sink| {
        let _ = ioc_matches::rows(context.checkpoint).try_for_each(|row| sink(&row));
    }),
    TableSource::new(&SecretRow::TABLE, KEEP, |context, sink| {
        let (secrets, brought) = (secrets_of(context.checkpoint), Brought::of(context.checkpoint));
        let dumped = context.checkpoint.rows().container().checkpointed;
        let rows = secrets::rows(shown(&secrets, &brought), brought.secrets(), dumped);
        let _ = { rows }.try_for_each(|row| sink(&row));
    }),
    TableSource::new(&RotationRow::TABLE, KEEP, |context, sink| {
        let (secrets, brought) = (secrets_of(context.checkpoint), Brought::of(context.checkpoint));
        let dumped = context.checkpoint.rows().container().checkpointed;
        let _ = secret_rotation::rows(shown(&secrets, &brought), dumped).try_for_each(|row| sink(&row));
    }),
    TableSource::new(&ModuleRow::TABLE, Keep::Memory, |context, sink| modules::rows(context.checkpoint, sink)),
    TableSource::new(&ElfImage::TABLE, Keep::Everything, |context, sink| elf_files::rows(context.checkpoint, sink)),
    TableSource::new(&ImageChange::TABLE, KEEP, |context, sink| {
        let facts = Facts::new(context.checkpoint, Brought::of(context.checkpoint), None);
        image_changes::rows(&facts, sink);
    }),
    TableSource::new(&YaraMatch::TABLE, Keep::Everything, |context, sink| {
        yara_matches::rows(context.checkpoint, &mut |row| sink(&row).is_continue());
    }),
];

/// The rows of `findings` of a scan.
pub fn findings<'s>(checkpoint: &Checkpoint, scan: &'s Scan) -> impl Iterator<Item = FindingRow> + 's {
    let archive = archive_word(checkpoint);
    scan.findings.iter().map(move |finding| findings::row(finding, &archive))
}

/// The rows of `evidence` of a scan.
pub fn evidence<'s>(_checkpoint: &Checkpoint, scan: &'s Scan) -> impl Iterator<Item = EvidenceRow> + 's {
    let all = |finding: &'s Finding| (0_u64..).zip(&finding.evidence).map(move |(number, one)| (finding, number, one));
    scan.findings.iter().flat_map(all).map(|(finding, number, one)| evidence::row(finding, number, one))
}

/// The rows of `rule_coverage` of a scan.
pub fn rule_coverage(scan: &Scan) -> impl Iterator<Item = RuleCoverage> + '_ {
    scan.coverage.iter().map(|(rule, coverage)| rule_coverage::row(rule, coverage))
}

/// The secrets of a checkpoint, which are looked for once.
fn secrets_of(checkpoint: &Checkpoint) -> std::sync::Arc<Secrets> {
    let brought = Brought::of(checkpoint);
    let search = plan::search(&brought);
    Secrets::of(&Facts::new(checkpoint, brought, search))
}

/// The values that are shown.
fn shown<'s>(secrets: &'s Secrets, brought: &Brought) -> impl Iterator<Item = &'s Secret> {
    let all = brought.secrets().mode == SecretsMode::All;
    secrets.values.iter().filter(move |secret| all || !secret.is_harmless())
}

/// The archive as a shell reads its name, for command lines. `ARCHIVE` if it was not opened by a path.
pub fn archive_word(checkpoint: &Checkpoint) -> String {
    let path = checkpoint.path().and_then(|path| path.to_str());
    path.map_or_else(|| "ARCHIVE".to_owned(), super::quoted)
}

/// Text as bytes of a column.
fn text(text: &str) -> BString {
    text.into()
}
