//! What tables and documents need of the checkpoints that they are from.

use std::sync::Arc;

use bstr::BString;
use cryoscope::Checkpoint;
use cryoscope::analysis::{self, Brought};
use cryoscope::formats::{Format, Origin};
use cryoscope::memory::Keep;
use cryoscope::tables::TableSource;

use super::super::Failure;
use super::super::args::{BulkOp, DocumentArgs};
use super::super::lead::{Lead, text_of};

/// What must be kept of a stream for some tables in a format.
fn keep(sources: &[&TableSource], format: Format) -> Keep {
    // Documents name the processes that they are about.
    let least = if format.needs_origin() { Keep::Arguments } else { Keep::Tables };
    sources.iter().fold(least, |keep, source| keep.and(source.keep))
}

/// The same, with what the user brought: rules of others may read everything.
pub(crate) fn keep_for(sources: &[&TableSource], format: Format, brought: &Brought) -> Keep {
    let keep = keep(sources, format);
    let judges = |source: &&TableSource| analysis::tables::ALL.iter().any(|one| one.table.name == source.table.name);
    if brought.reads_everything() && sources.iter().any(judges) { keep.and(Keep::Everything) } else { keep }
}

/// The checkpoint's part of documents, if the format writes documents.
pub(crate) fn origin(
    checkpoint: &Checkpoint,
    format: Format,
    archive: &BString,
    lead: &Lead<'_>,
    documents: &DocumentArgs,
) -> Result<Option<Arc<Origin>>, Failure> {
    let Some(origin) = origin_of_itself(checkpoint, format, archive, lead, documents)? else { return Ok(None) };
    let origin =
        origin.with_processes(checkpoint.rows().processes()).with_sockets(checkpoint.rows().process_open_sockets());
    Ok(Some(Arc::new(origin.with_terminals(checkpoint.rows().ttys(), checkpoint.rows().process_open_files()))))
}

/// The same for rows that are not about a process or connection, so processes need not be read.
pub(crate) fn origin_of_itself(
    checkpoint: &Checkpoint,
    format: Format,
    archive: &BString,
    lead: &Lead<'_>,
    documents: &DocumentArgs,
) -> Result<Option<Origin>, Failure> {
    if !format.needs_origin() {
        return Ok(None);
    }
    let set = Some(checkpoint.set_name().to_string()).filter(|set| !set.is_empty());
    if format == Format::BULK && documents.bulk_op == BulkOp::Index && documents.index.is_data_stream() {
        let index = &documents.index;
        return Err(Failure::Usage(format!("{index} is a data stream, which does not accept --bulk-op index")));
    }
    let origin = Origin::new(checkpoint.rows().container(), checkpoint.identity(), text_of(archive), set);
    let origin = lead.of(origin, checkpoint).or_time(documents.time).with_index(documents.index.clone());
    let origin = origin.with_bulk_action(documents.bulk_op.into());
    let origin = if documents.with_env { origin.with_secrets() } else { origin };
    let origin = if documents.strict_ecs { origin.without_host_pids() } else { origin };
    let origin = if documents.ecs_start { origin.with_starts() } else { origin };
    let origin = if documents.ocsf_legacy { origin.with_legacy_classes() } else { origin };
    if format.needs_time() && !origin.has_time() {
        return Err(Failure::Usage(format!(
            "{archive}: no time of the dump is stored, and documents need one; give it with --time"
        )));
    }
    Ok(Some(origin))
}
