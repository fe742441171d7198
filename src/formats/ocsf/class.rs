//! The class of events for a row.

use super::evidence::subject;
use crate::formats::Origin;
use crate::formats::document;
use crate::tables::{Row, Subject};

/// A class, and the activity of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) uid: u32,
    pub(super) name: &'static str,
    pub(super) category: (u32, &'static str),
    pub(super) activity: (u32, &'static str),
    /// The subject of the event, if it is evidence.
    pub(super) evidence: Option<Subject>,
    /// Whether the class itself has a device. Other classes get it with the profile `host`.
    pub(super) has_device: bool,
}

const DISCOVERY: (u32, &str) = (5, "Discovery");
const QUERY: (u32, &str) = (1, "Query");

/// The container itself.
const INVENTORY: Class = Class {
    uid: 5001,
    name: "Device Inventory Info",
    category: DISCOVERY,
    activity: (2, "Collect"),
    evidence: None,
    has_device: true,
};

/// For rows that are not evidence and have no class.
const BASE: Class = Class {
    uid: 0,
    name: "Base Event",
    category: (0, "Uncategorized"),
    activity: (99, "Recorded"),
    evidence: None,
    has_device: false,
};

/// For problems with the archive.
const ERROR: Class = Class {
    uid: 6008,
    name: "Application Error",
    category: (6, "Application Activity"),
    activity: (1, "General Error"),
    evidence: None,
    has_device: false,
};

/// For findings.
const FINDING: Class = Class {
    uid: 2004,
    name: "Detection Finding",
    category: (2, "Findings"),
    activity: (1, "Create"),
    evidence: None,
    has_device: true,
};

impl Class {
    /// The class of a row.
    pub(super) fn of(row: &dyn Row, origin: &Origin) -> Self {
        match row.table().event.subject {
            Subject::Device => INVENTORY,
            Subject::Record => BASE,
            Subject::Fault => ERROR,
            Subject::Finding => FINDING,
            _ if origin.legacy => Class::legacy(row),
            _ => Class {
                uid: 5040,
                name: "Live Evidence Info",
                category: DISCOVERY,
                activity: QUERY,
                evidence: Some(subject(row)),
                has_device: true,
            },
        }
    }

    /// The query classes before Live Evidence Info, deprecated in 1.5.0.
    fn legacy(row: &dyn Row) -> Self {
        let subject = subject(row);
        let (uid, name) = match subject {
            Subject::Process => (5015, "Process Query"),
            // These require the process they belong to.
            Subject::Connection | Subject::Module if document::pid_of(row).is_none() => return BASE,
            Subject::Connection => (5012, "Network Connection Query"),
            Subject::File => (5007, "File Query"),
            Subject::Folder => (5008, "Folder Query"),
            Subject::Module => (5011, "Module Query"),
            Subject::Interface => (5013, "Networks Query"),
            _ => (5006, "Kernel Object Query"),
        };
        Class { uid, name, category: DISCOVERY, activity: QUERY, evidence: Some(subject), has_device: false }
    }

    /// Whether the class has the process as a separate attribute, next to its object.
    pub(super) fn has_process(&self) -> bool {
        matches!(self.uid, 5011 | 5012)
    }
}
