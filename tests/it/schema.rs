//! No field of an image is lost on the way to the tables without a reason.

use std::collections::{BTreeMap, BTreeSet};

use cryoscope::images::{Kind, Schema, proto};
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use crate::archives::{Image, Member, Members};
use crate::fixtures;

/// What a typed decode makes of a record, encoded again.
type Typed = fn(&[u8]) -> Vec<u8>;

fn typed<M: Message + Default + Name>() -> (&'static str, Typed) {
    (M::NAME, |bytes| M::decode(bytes).unwrap().encode_to_vec())
}

/// Every message that is a record of some image.
macro_rules! records {
    ($($message:ident)+) => { [$(typed::<proto::$message>()),+] };
}

fn records() -> BTreeMap<&'static str, Typed> {
    BTreeMap::from(records! {
        InventoryEntry PstreeEntry CoreEntry TaskKobjIdsEntry MmEntry VmaEntry PagemapHead PagemapEntry FdinfoEntry FileEntry
        RegFileEntry ExtFileEntry NsFileEntry EventfdFileEntry EventpollFileEntry SignalfdEntry InotifyFileEntry
        FanotifyFileEntry PipeEntry FifoEntry UnixSkEntry InetSkEntry PacketSockEntry NetlinkSkEntry TtyFileEntry
        TunfileEntry TimerfdEntry EventpollTfdEntry InotifyWdEntry FanotifyMarkEntry BpfmapFileEntry PidfdEntry
        BpfmapDataEntry PipeDataEntry SkPacketEntry TcpStreamEntry GhostFileEntry GhostChunkEntry RemapFilePathEntry
        MemfdInodeEntry FsEntry FileLockEntry CgroupEntry SeccompEntry ApparmorEntry CpuinfoEntry TtyInfoEntry TtyDataEntry
        UtsnsEntry IpcVarEntry IpcShmEntry IpcSemEntry IpcMsgEntry MntEntry UsernsEntry TimensEntry PidnsEntry NetnsEntry
        NetDeviceEntry AutofsEntry BinfmtMiscEntry SaEntry ItimerEntry PosixTimerEntry CredsEntry RlimitEntry SiginfoEntry
        StatsEntry IrmapCacheEntry CriuKfd CriuRenderNode CriuDmabufNode
    })
}

#[test]
fn typed_and_reflected_decodes_agree_on_every_record() {
    let (schema, records) = (Schema::load().unwrap(), records());
    for kind in Kind::ALL {
        for message in [kind.message(0), kind.message(1)].into_iter().flatten() {
            assert!(records.contains_key(message), "{kind} has records of {message}, which are not compared");
        }
    }
    let mut compared = 0;
    for case in fixtures::cases() {
        for archive in fixtures::archives_of(&case) {
            for member in &Members::of(&archive).0 {
                let Some(image) = Image::of(&schema, member) else { continue };
                assert_eq!(image.bytes(), member.contents, "{}: {} is not what its parts are", case, member.name);
                for (number, (message, _)) in image.records.iter().enumerate() {
                    let reflected = image.decode(&schema, number, message);
                    let encoded = records[reflected.descriptor().name()](message);
                    let through_types = image.decode(&schema, number, &encoded);
                    assert_eq!(through_types, reflected, "{case}: {} record {number}", member.name);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 5_000, "only {compared} records");
}

/// The tables that a field could be seen in. Sizes and places of files change with every field.
const TABLES: [&str; 30] = [
    "container",
    "processes",
    "threads",
    "process_envs",
    "process_memory_map",
    "process_open_files",
    "process_open_sockets",
    "mounts",
    "process_namespaces",
    "pipes",
    "unix_queues",
    "tcp_connections",
    "tcp_queues",
    "tty_queues",
    "ipc",
    "ipc_messages",
    "bpf_maps",
    "recovered_files",
    "namespaces",
    "interfaces",
    "addresses",
    "routes",
    "routing_rules",
    "conntrack",
    "firewall",
    "sysctls",
    "host_descriptors",
    "inode_paths",
    "statistics",
    "warnings",
];

/// A field: the message that it is in, and its own name.
type Field = (String, String);

/// Everything that the tables say of some members.
fn said(members: &Members) -> fixtures::Rows {
    let Ok(checkpoints) = members.open_all() else { return fixtures::Rows::new() };
    let mut rows = fixtures::Rows::new();
    for checkpoint in checkpoints {
        checkpoint.read_all();
        for (table, mut more) in fixtures::rows_of(&checkpoint, &TABLES) {
            for row in &mut more {
                let row = row.as_object_mut().unwrap();
                match table.as_str() {
                    "statistics" => row.retain(|column, _| !column.ends_with("_size")),
                    "warnings" => row.retain(|column, _| matches!(column.as_str(), "code" | "member")),
                    _ => {}
                }
            }
            rows.entry(table).or_default().append(&mut more);
        }
    }
    rows
}

/// The fields that a record has, at any depth.
fn fields(message: &DynamicMessage, found: &mut BTreeSet<Field>) {
    for (field, value) in message.fields() {
        found.insert((message.descriptor().name().to_owned(), field.name().to_owned()));
        match value {
            Value::Message(inner) => fields(inner, found),
            Value::List(list) => list.iter().filter_map(Value::as_message).for_each(|inner| fields(inner, found)),
            _ => {}
        }
    }
}

/// Takes a field out of a record, wherever it is in it.
fn strike(message: &mut DynamicMessage, field: &Field) {
    if message.descriptor().name() == field.0 {
        message.clear_field_by_name(&field.1);
    }
    let inner: Vec<_> = message.fields().map(|(descriptor, _)| descriptor).collect();
    for descriptor in inner {
        match message.get_field_mut(&descriptor) {
            Value::Message(inner) => strike(inner, field),
            Value::List(list) => {
                for value in list {
                    if let Value::Message(inner) = value {
                        strike(inner, field);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The fields that `docs/fields.md` says no table shows.
fn explained() -> BTreeSet<Field> {
    let text = include_str!("../../docs/fields.md");
    let mut fields = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let [message, names, why] = line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>()[..] else {
            panic!("not a row of three columns: {line}");
        };
        assert!(["Later: ", "Restore: ", "Same: ", "Default: "].iter().any(|word| why.starts_with(word)), "{line}");
        for name in names.split(' ') {
            let field = (message.trim_matches('`').to_owned(), name.trim_matches('`').to_owned());
            assert!(fields.insert(field.clone()), "{field:?} is explained twice");
        }
    }
    fields
}

/// The images of some members, and the fields that they have.
struct Images {
    images: Vec<(String, Image)>,
    fields: BTreeSet<Field>,
}

impl Images {
    fn of(schema: &Schema, members: &Members) -> Self {
        let with_name = |member: &Member| Some((member.name.clone(), Image::of(schema, member)?));
        let images: Vec<(String, Image)> = members.0.iter().filter_map(with_name).collect();
        let mut found = BTreeSet::new();
        for (_, image) in &images {
            for (number, (message, _)) in image.records.iter().enumerate() {
                fields(&image.decode(schema, number, message), &mut found);
            }
        }
        Images { images, fields: found }
    }

    /// The members, with a field struck out of all images.
    fn without(&self, field: &Field, schema: &Schema, members: &Members) -> Members {
        let mut changed = members.clone();
        for (name, image) in &self.images {
            let mut image = image.clone();
            for number in 0..image.records.len() {
                let mut message = image.decode(schema, number, &image.records[number].0);
                strike(&mut message, field);
                image.records[number].0 = message.encode_to_vec();
            }
            changed.set(name, image.bytes());
        }
        changed
    }
}

/// Cases that have no field that others have not, and would take long.
const LARGE: [&str; 1] = ["webapp-compromise"];
/// Archives in which a field that is explained is struck out, in case a table shows it by now.
const TRIES: usize = 3;

#[test]
fn every_field_is_shown_or_explained() {
    let (schema, explained) = (Schema::load().unwrap(), explained());
    let (mut shown, mut unseen) = (BTreeSet::new(), BTreeMap::<Field, usize>::new());
    for case in fixtures::cases().iter().filter(|case| !LARGE.contains(&case.as_str())) {
        for archive in fixtures::archives_of(case) {
            let members = Members::of(&archive);
            let images = Images::of(&schema, &members);
            let before = said(&members);
            for field in images.fields.difference(&shown).cloned().collect::<Vec<_>>() {
                let tries = unseen.entry(field.clone()).or_default();
                if *tries >= TRIES && explained.contains(&field) {
                    continue;
                }
                *tries += 1;
                if said(&images.without(&field, &schema, &members)) != before {
                    shown.insert(field);
                }
            }
        }
    }
    let lost: Vec<_> = unseen.keys().filter(|field| !shown.contains(*field) && !explained.contains(*field)).collect();
    assert!(lost.is_empty(), "no table shows these, and docs/fields.md does not say why: {lost:?}");
    let stale: Vec<_> = explained.intersection(&shown).collect();
    assert!(stale.is_empty(), "docs/fields.md says that no table shows these, but one does: {stale:?}");
    assert!(shown.len() > 250, "only {} fields were found in tables", shown.len());
}
