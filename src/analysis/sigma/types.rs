//! The events that rules are asked about, and what the engine tells of a rule.

use crate::analysis::Severity;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::analysis) enum EventKind {
    /// A process that was started: each process of the checkpoint.
    Process,
    /// A file that was made or changed.
    File,
    /// A file that was deleted.
    Deleted,
    /// A connection.
    Connection,
}

impl EventKind {
    /// All of them.
    pub(in crate::analysis) const ALL: [EventKind; 4] =
        [EventKind::Process, EventKind::File, EventKind::Deleted, EventKind::Connection];

    /// The category of a log source.
    pub(in crate::analysis) fn category(self) -> &'static str {
        match self {
            EventKind::Process => "process_creation",
            EventKind::File => "file_event",
            EventKind::Deleted => "file_delete",
            EventKind::Connection => "network_connection",
        }
    }

    /// The fields that a checkpoint has for it. Rules that ask for others are not evaluated: a filter on such a field would
    /// never hold, and what the rule says would not be what it means.
    pub(in crate::analysis) fn fields(self) -> &'static [&'static str] {
        match self {
            EventKind::Process => &[
                "Image",
                "CommandLine",
                "ParentImage",
                "ParentCommandLine",
                "CurrentDirectory",
                "User",
                "LogonId",
                "ProcessId",
                "ParentProcessId",
            ],
            EventKind::File | EventKind::Deleted => &["TargetFilename", "User"],
            EventKind::Connection => &[
                "Image",
                "CommandLine",
                "ParentImage",
                "ParentCommandLine",
                "CurrentDirectory",
                "User",
                "LogonId",
                "ProcessId",
                "DestinationIp",
                "DestinationPort",
                "SourceIp",
                "SourcePort",
                "Protocol",
                "Initiated",
            ],
        }
    }
}

/// The fields of an event that are known.
pub(in crate::analysis) type Event = Vec<(&'static str, String)>;

/// What is known about a rule without asking it.
#[derive(Debug)]
pub(in crate::analysis) struct Header {
    /// Its id, or its title if it has none.
    pub(in crate::analysis) id: String,
    /// Its title.
    pub(in crate::analysis) title: String,
    /// Who wrote it.
    pub(in crate::analysis) author: Option<String>,
    /// Its level.
    pub(in crate::analysis) level: Option<&'static str>,
    /// The file that it is in, as the user named it.
    pub(in crate::analysis) file: String,
    /// Its level, or medium.
    pub(in crate::analysis) severity: Severity,
    /// Its first innocent cause, if it names one.
    pub(in crate::analysis) benign: Option<String>,
    /// What it is about.
    pub(in crate::analysis) kind: EventKind,
}
