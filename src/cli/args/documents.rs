//! Flags about documents of SIEM systems, which several commands share.

use clap::{Args, ValueEnum};
use cryoscope::formats::{BulkAction, Index};
use jiff::Timestamp;

/// Settings of documents.
#[derive(Clone, Debug, Args)]
pub(crate) struct DocumentArgs {
    /// Time of the dump, for archives that do not store it (ECS, OCSF, Timesketch)
    #[arg(long, value_name = "RFC3339", help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) time: Option<Timestamp>,
    /// What the server does with a document that it already has (bulk)
    #[arg(long, value_enum, value_name = "ACTION", default_value_t = BulkOp::Create, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) bulk_op: BulkOp,
    /// Index or data stream of documents; `{table}` stands for the table (bulk, ECS)
    #[arg(
        long,
        value_name = "NAME",
        default_value_t,
        hide_default_value = true,
        help_heading = "SIEM documents",
        hide_short_help = true
    )]
    pub(crate) index: Index,
    /// Include values of environment variables, which are often secrets (ECS, OCSF, Timesketch, bulk, hec)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) with_env: bool,
    /// Omit `process.pid`: in ECS it is the pid on the host, which archives do not store (ECS, bulk)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) strict_ecs: bool,
    /// Also mark each process as started, for rules about process starts (ECS, bulk)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) ecs_start: bool,
    /// Write version 1.4.0, with its query classes (OCSF)
    #[arg(long, help_heading = "SIEM documents", hide_short_help = true)]
    pub(crate) ocsf_legacy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BulkOp {
    /// Keep the old one
    Create,
    /// Replace the old one
    Index,
}

impl From<BulkOp> for BulkAction {
    fn from(op: BulkOp) -> Self {
        match op {
            BulkOp::Create => BulkAction::Create,
            BulkOp::Index => BulkAction::Index,
        }
    }
}
