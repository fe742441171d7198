//! Statistics of a dump: `stats-dump`.

use super::engine_files::EngineFiles;
use crate::archive::MemberKind;
use crate::images::proto::{DumpStatsEntry, StatsEntry};
use crate::images::{Image, Images, Kind};

/// Statistics of the dump; `None` if it left none.
pub(super) fn read(images: Images<'_>, engine_files: &EngineFiles<'_>) -> Option<DumpStatsEntry> {
    let member = engine_files.work_file("stats-dump")?;
    let file = images.file(member).filter(|file| file.kind == MemberKind::File)?;
    let contents = images.archive.contents(file);
    let image = Image::open(Kind::StatsDump, &member.path, contents, images.limits, images.warnings)?;
    let record = image.records(images.limits, images.warnings).next()?;
    let entry: StatsEntry = images.decode(record.message, || image.place_of(&record))?;
    entry.dump
}
