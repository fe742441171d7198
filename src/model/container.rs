//! The container: its engine, its name, the time of its checkpoint. From the engine's documents, then the images, then
//! the archive's file name.

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

/// The source of the checkpoint's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// `config.dump`.
    Config,
    /// Modification time of the inventory, which CRIU writes last, from the tar.
    Inventory,
    /// Modification time of the newest image, from the tar.
    Members,
    /// The archive's name, given by the kubelet: the time of the request.
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

/// Why the time of the dump is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoTime {
    /// Nothing has a time, as in archives made for transport.
    #[default]
    NotRecorded,
    /// There are only the times of files in a directory. They may be the original times, or those of a copy.
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

/// Facts about the container as a whole.
#[derive(Clone, Debug)]
pub struct Container {
    /// Facts from the engine's documents.
    pub facts: Facts,
    /// The engine that made the container; `None` for a bare image set.
    pub engine: Option<Engine>,
    /// When the container was checkpointed, and the source of that time.
    pub checkpointed: Result<(Timestamp, TimeSource), NoTime>,
    /// Host name, as seen in the container.
    pub hostname: Option<Vec<u8>>,
    /// Version of CRIU.
    pub criu_version: Option<String>,
    /// IP addresses without loopback; `None` if unknown, empty if there were none.
    pub ip_addresses: Option<Vec<IpAddr>>,
    /// Hardware (MAC) addresses.
    pub mac_addresses: Option<Vec<String>>,
    /// Networks, as the engine recorded them.
    pub interfaces: Vec<Interface>,
    /// The specification's annotations.
    pub annotations: Option<Map<String, Value>>,
    /// Mounts that the specification asks for.
    pub mounts: Vec<SpecMount>,
}

/// A mount that the specification asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecMount {
    /// Mount point.
    pub destination: String,
    /// File system type, or `bind`.
    pub mount_type: Option<String>,
    /// Mounted source.
    pub source: Option<String>,
    /// Options, sorted.
    pub options: Vec<String>,
}

/// Reads the facts about the container.
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
    // Archives made for transport have time 0 everywhere.
    let since_1970 = |time: &Timestamp| time.as_second() > 0;
    let config = || Some((documents.config.as_ref()?.time(&["checkpointedTime"])?, TimeSource::Config));
    let inventory = || {
        let member = images.set.find(images.archive, Kind::Inventory, 0)?;
        Some((member.recorded_mtime().filter(since_1970)?, TimeSource::Inventory))
    };
    let members = || {
        let times = images.set.images(images.archive);
        let times = times.filter_map(|(_, _, member)| member.recorded_mtime().filter(since_1970));
        // If the images are stored elsewhere, the engine wrote its documents at about the same time.
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

/// The host name of the root task's UTS namespace, or the one that was requested.
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
