//! One secret value, and everywhere it was found.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;
use sha2::{Digest, Sha256};

use super::super::Confidence;
use super::detector::Style;
use super::engine::Hit;
use crate::model::ids::Pid;

/// Where a value was found. The first is the one that says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Context {
    Environment,
    Arguments,
    Specification,
    ChangedFile,
    Volume,
    Tmpfs,
    DeletedFile,
    Memfd,
    Log,
    Queue,
    SharedMemory,
    Memory,
    OtherMember,
}

impl Context {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Context::Environment => "environment",
            Context::Arguments => "arguments",
            Context::Specification => "specification",
            Context::ChangedFile => "changed_file",
            Context::Volume => "volume",
            Context::Tmpfs => "tmpfs",
            Context::DeletedFile => "deleted_file",
            Context::Memfd => "memfd",
            Context::Log => "log",
            Context::Queue => "queue",
            Context::SharedMemory => "shared_memory",
            Context::Memory => "memory",
            Context::OtherMember => "member",
        }
    }

    /// Whether it is a file that a program left.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Context::ChangedFile | Context::Volume | Context::Tmpfs | Context::DeletedFile | Context::Memfd)
    }
}

/// A place where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) context: Context,
    pub(crate) pid: Option<Pid>,
    /// The variable of an environment.
    pub(crate) variable: Option<BString>,
    pub(crate) address: Option<u64>,
    /// Length of the bytes that hold it.
    pub(crate) len: u64,
    pub(crate) member: Option<BString>,
    pub(crate) offset: Option<u64>,
    /// Path of the file in the container.
    pub(crate) path: Option<BString>,
    pub(crate) mode: Option<u32>,
    pub(crate) uid: Option<u64>,
}

impl Site {
    pub(crate) fn new(context: Context) -> Self {
        Site {
            context,
            pid: None,
            variable: None,
            address: None,
            len: 0,
            member: None,
            offset: None,
            path: None,
            mode: None,
            uid: None,
        }
    }

    /// Whether everyone may read the file.
    pub(crate) fn is_world_readable(&self) -> bool {
        self.mode.is_some_and(|mode| mode & 0o004 != 0)
    }
}

/// Sites that are kept of one value, of each context.
const SITES: usize = 16;

/// Tags that a value has only if it has them wherever it is. A key of a generator is one in all processes that were forked
/// from its own, though some of them have less of it.
const OF_ALL: [&str; 4] = ["utf16", "base64", "example", "signature_database"];

/// A value with everything that is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    /// The number of the detector or rule.
    pub(crate) detector: usize,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) provider: Option<&'static str>,
    pub(crate) action: &'static str,
    /// The file of the rule, if the user brought it.
    pub(crate) rule_file: Option<String>,
    pub(crate) style: Style,
    pub(crate) confidence: Confidence,
    pub(crate) value: Vec<u8>,
    pub(crate) public: usize,
    pub(crate) principal: Option<String>,
    pub(crate) tags: BTreeSet<&'static str>,
    /// How many values before it have nothing else that tells them apart, but are no token or key, whose hash does.
    pub(crate) number: usize,
    /// How often it was found.
    pub(crate) count: u64,
    /// Where, the best context first.
    pub(crate) sites: Vec<Site>,
    /// The processes that hold it, with their users.
    pub(crate) holders: BTreeMap<Pid, Option<u32>>,
}

impl Secret {
    /// Adds a place.
    pub(crate) fn add(&mut self, site: Site, uid: Option<u32>, hit: &Hit) {
        self.count = self.count.saturating_add(1);
        self.confidence = self.confidence.max(hit.confidence);
        if self.principal.is_none() {
            self.principal.clone_from(&hit.principal);
        }
        self.tags.extend(hit.tags.iter().copied().filter(|tag| !OF_ALL.contains(tag)));
        // A value that is encoded in one place is plain in another, and one that a scanner has in its rules may also be in
        // use.
        self.tags.retain(|tag| !OF_ALL.contains(tag) || hit.tags.contains(tag));
        if let Some(pid) = site.pid {
            let _ = self.holders.insert(pid, uid);
        }
        let same = self.sites.iter().filter(|known| known.context == site.context).count();
        if same < SITES {
            let place = self.sites.partition_point(|known| known.context <= site.context);
            self.sites.insert(place, site);
        }
    }

    /// The place that says most.
    pub(crate) fn best(&self) -> Option<&Site> {
        self.sites.first()
    }

    pub(crate) fn has(&self, tag: &str) -> bool {
        self.tags.contains(tag)
    }

    /// Whether it is a published example, from a list of signatures, or the state of a random number generator.
    pub(crate) fn is_harmless(&self) -> bool {
        self.has("example") || self.has("signature_database") || self.has("random_generator")
    }

    /// What identifies it in other checkpoints. The hash of a password would let it be guessed.
    pub(crate) fn identity(&self) -> Vec<BString> {
        let what: BString = match self.style {
            Style::Password => {
                let best = self.best();
                let variable = best.and_then(|site| site.variable.clone()).unwrap_or_default();
                let path = best.and_then(|site| site.path.clone()).unwrap_or_default();
                let principal = self.principal.clone().unwrap_or_default();
                // Several passwords may have the same name and no place that stays.
                let number = if self.number > 0 { self.number.to_string() } else { String::new() };
                let known = bstr::join(" ", [principal.as_bytes(), &variable, &path]);
                if number.is_empty() { known.into() } else { bstr::join(" ", [&known, number.as_bytes()]).into() }
            }
            _ => data_encoding::HEXLOWER.encode(&Sha256::digest(&self.value)).into(),
        };
        vec![self.id.as_str().into(), what]
    }

    /// The time of expiry that its principal says.
    pub(crate) fn expires(&self) -> Option<jiff::Timestamp> {
        let text = self.principal.as_deref()?;
        let (_, time) = text.rsplit_once("expires ")?;
        time.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(tags: &[&'static str]) -> Hit {
        Hit {
            detector: 0,
            span: 0..8,
            place: 0..8,
            value: b"k3Jd9xTm".to_vec(),
            public: 0,
            confidence: Confidence::Low,
            principal: None,
            tags: tags.to_vec(),
        }
    }

    fn secret(tags: &[&'static str]) -> Secret {
        let mut secret = Secret {
            detector: 0,
            id: "assigned-secret".to_owned(),
            title: String::new(),
            provider: None,
            action: "",
            rule_file: None,
            style: Style::Password,
            confidence: Confidence::Low,
            value: b"k3Jd9xTm".to_vec(),
            public: 0,
            principal: Some("setting password".to_owned()),
            tags: tags.iter().copied().collect(),
            number: 0,
            count: 0,
            sites: Vec::new(),
            holders: BTreeMap::new(),
        };
        secret.add(Site::new(Context::Memory), None, &hit(tags));
        secret
    }

    #[test]
    fn one_harmless_place_hides_no_other() {
        for tag in ["example", "signature_database"] {
            let mut one = secret(&[tag]);
            assert!(one.is_harmless());
            one.add(Site::new(Context::ChangedFile), None, &hit(&["weak"]));
            assert!(!one.is_harmless() && one.has("weak"), "{tag}");
            one.add(Site::new(Context::Memory), None, &hit(&[tag]));
            assert!(!one.is_harmless(), "{tag}");
        }
    }

    #[test]
    fn passwords_of_one_name_are_told_apart() {
        let (one, mut other) = (secret(&[]), secret(&[]));
        assert_eq!(one.identity(), other.identity());
        other.number = 1;
        assert_ne!(one.identity(), other.identity());
    }
}
