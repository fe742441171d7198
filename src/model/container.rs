//! The container: what engine made it, what it was called, when it was checkpointed; from the engine's documents, the
//! images, and at last the name of the archive.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bstr::BStr;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::document::Document;
use super::engine::network::Interface;
use super::engine::{self, Engine, Facts};
use super::engine_files::EngineFiles;
use super::kubelet;
use super::network;
use super::process::Process;
use crate::images::proto::UtsnsEntry;
use crate::images::{ByteOrder, Images, Kind, join, root_of};

/// Where a time is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// `config.dump`.
    Config,
    /// Modification time of the inventory, which CRIU writes last, as a tar recorded it.
    Inventory,
    /// The newest of the images, as a tar recorded them.
    Members,
    /// The name that the kubelet gave the archive: when the request came.
    FileName,
}

impl TimeSource {
    /// `config.dump`, `inventory`, `members` or `file name`.
    pub fn as_str(self) -> &'static str {
        match self {
            TimeSource::Config => "config.dump",
            TimeSource::Inventory => "inventory",
            TimeSource::Members => "members",
            TimeSource::FileName => "file name",
        }
    }
}

/// Why the moment of the dump is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoTime {
    /// Nothing has a time, as in archives that were made for transport.
    #[default]
    NotRecorded,
    /// All there is are the times of files in a folder. A tool that unpacks sets them as they were, one that copies does not,
    /// and they do not tell which it was.
    Copied,
}

impl NoTime {
    /// `not recorded` or `copied`.
    pub fn as_str(self) -> &'static str {
        match self {
            NoTime::NotRecorded => "not recorded",
            NoTime::Copied => "copied",
        }
    }
}

/// What is known of the container as a whole.
#[derive(Clone, Debug)]
pub struct Container {
    /// What the engine's documents say.
    pub facts: Facts,
    /// The engine that made it; `None` for a bare set of images.
    pub engine: Option<Engine>,
    /// When it was checkpointed, and where that is known from.
    pub checkpointed: Result<(Timestamp, TimeSource), NoTime>,
    /// Host name, as the container saw it.
    pub hostname: Option<Vec<u8>>,
    /// Version of CRIU.
    pub criu_version: Option<String>,
    /// Addresses without loopback; `None` if they are not known, empty if there were none.
    pub ip_addresses: Option<Vec<IpAddr>>,
    /// Hardware addresses.
    pub mac_addresses: Option<Vec<String>>,
    /// Networks, as the engine recorded them.
    pub interfaces: Vec<Interface>,
    /// The specification's annotations.
    pub annotations: Option<Map<String, Value>>,
    /// Mounts of the specification: what was asked for.
    pub mounts: Vec<SpecMount>,
}

/// A mount that the specification asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecMount {
    /// Where.
    pub destination: String,
    /// File system, or `bind`.
    pub mount_type: Option<String>,
    /// What.
    pub source: Option<String>,
    /// How, sorted.
    pub options: Vec<String>,
}

/// Reads what is known of the container.
pub(super) fn read(
    images: Images<'_>,
    engine_files: &EngineFiles<'_>,
    processes: &[Process],
    file_name: Option<&str>,
    order: ByteOrder,
) -> Container {
    let documents = engine::Documents::read(engine_files);
    let engine = engine::detect(&documents, engine_files);
    let mut facts = engine::facts(engine, &documents, engine_files);
    let kubelet = file_name.and_then(kubelet::ArchiveName::parse);
    if let Some(name) = &kubelet {
        name.fill(&mut facts);
    }
    let spec = documents.spec.as_ref();
    let interfaces = engine::network::interfaces(&documents);
    let root = processes.first();
    let own_network = network::of_images(images, root, order);
    let recorded: Vec<IpAddr> =
        interfaces.iter().flat_map(|i| &i.addresses).filter_map(|a| network::address(a)).collect();
    let ip_addresses = if recorded.is_empty() {
        own_network.addresses.or_else(|| network::is_own_and_empty(spec).then(Vec::new))
    } else {
        Some(recorded)
    };
    let macs: Vec<String> = interfaces.iter().filter_map(|i| i.mac.clone()).collect();
    Container {
        engine,
        checkpointed: checkpointed(images, &documents, kubelet.as_ref()),
        hostname: hostname(images, root, spec),
        criu_version: engine_files.criu_version(),
        ip_addresses,
        mac_addresses: if macs.is_empty() { own_network.macs } else { Some(macs) },
        interfaces,
        annotations: spec.and_then(|spec| spec.object(&["annotations"])).cloned(),
        mounts: spec.map(spec_mounts).unwrap_or_default(),
        facts,
    }
}

fn checkpointed(
    images: Images<'_>,
    documents: &engine::Documents<'_>,
    kubelet: Option<&kubelet::ArchiveName>,
) -> Result<(Timestamp, TimeSource), NoTime> {
    // Archives that were made for transport have the time 0 everywhere.
    let since_1970 = |time: &Timestamp| time.as_second() > 0;
    let config = || Some((documents.config.as_ref()?.time(&["checkpointedTime"])?, TimeSource::Config));
    let inventory = || {
        let member = images.set.find(images.archive, Kind::Inventory, 0)?;
        Some((member.recorded_mtime().filter(since_1970)?, TimeSource::Inventory))
    };
    let members = || {
        let times = images.set.images(images.archive);
        let times = times.filter_map(|(_, _, member)| member.recorded_mtime().filter(since_1970));
        // Where the images are somewhere else, the engine wrote its documents in the same moment.
        let root = BStr::new(root_of(&images.set.folder));
        let documents = ["config.dump", "spec.dump"].into_iter().filter(|_| images.set.is_empty());
        let recorded = documents.filter_map(|name| images.archive.find(&join(root, name.as_bytes()))?.recorded_mtime());
        Some((times.chain(recorded.filter(since_1970)).max()?, TimeSource::Members))
    };
    let file_name = || Some((kubelet?.time, TimeSource::FileName));
    config().or_else(inventory).or_else(members).or_else(file_name).ok_or_else(|| {
        let in_folder = images.set.images(images.archive).any(|(_, _, member)| member.is_in_folder());
        if in_folder { NoTime::Copied } else { NoTime::NotRecorded }
    })
}

/// The host name of the root task's UTS namespace, or the one that was asked for.
fn hostname(images: Images<'_>, root: Option<&Process>, spec: Option<&Document<'_>>) -> Option<Vec<u8>> {
    let number = root.and_then(|p| p.ids.as_ref()?.uts_ns_id).map(u64::from);
    let only = || images.set.of_kind(images.archive, Kind::Utsns).map(|(number, _)| number).next();
    let number = number.filter(|&number| images.has(Kind::Utsns, number)).or_else(only);
    let recorded = number.and_then(|number| images.one::<UtsnsEntry>(Kind::Utsns, number)).and_then(|uts| uts.nodename);
    recorded.or_else(|| spec?.text(&["hostname"]).map(|name| name.as_bytes().to_vec()))
}

fn spec_mounts(spec: &Document<'_>) -> Vec<SpecMount> {
    let text = |mount: &Value, key: &str| mount.get(key).and_then(Value::as_str).map(str::to_owned);
    let mounts = spec.array(&["mounts"]).unwrap_or_default();
    mounts
        .iter()
        .filter_map(|mount| {
            let Some(destination) = text(mount, "destination") else {
                spec.unexpected("an entry of mounts", "an object with a destination", mount);
                return None;
            };
            let options = mount.get("options").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let options: BTreeSet<String> = options.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            Some(SpecMount {
                destination,
                mount_type: text(mount, "type"),
                source: text(mount, "source"),
                options: options.into_iter().collect(),
            })
        })
        .collect()
}
