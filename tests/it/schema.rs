//! No field of an image is lost on the way to the tables without a reason.

use std::collections::{BTreeMap, BTreeSet};

use cryoscope::Checkpoint;
use cryoscope::catalog;
use cryoscope::images::{Kind, proto};
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage, Value as Reflected};
use serde_json::Value;

use crate::archives::{Image, Members};
use crate::fixtures;
use crate::oracle::Schema;

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
    let (schema, records) = (Schema::load(), records());
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

/// Tables in which no field is looked for: what they show of sizes and places changes with every field, or is longer than
/// other tables that show the same fields.
const LEFT_OUT: [&str; 8] = [
    "images",
    "members",
    "memory_classes",
    "memory_sizes",
    "rootfs_changes",
    "log_lines",
    "seccomp_instructions",
    "seccomp_rules",
];

/// The tables that a field could be seen in; those with which most fields are seen come first.
fn tables() -> Vec<&'static str> {
    let names = catalog::all().map(|source| &*source.table.name);
    names.filter(|name| !LEFT_OUT.contains(name)).collect()
}

/// A field: the message that it is in, and its own name.
type Field = (String, String);

/// Everything that one table says of some checkpoints, as it is printed.
fn said(checkpoints: &[Checkpoint], table: &'static str) -> Vec<u8> {
    let mut said = Vec::new();
    for checkpoint in checkpoints {
        match table {
            "statistics" => said.extend(kept(checkpoint, table, |column| !column.ends_with("_size"))),
            // Offsets move with the size of every image before.
            "evidence" => said.extend(kept(checkpoint, table, |column| !column.ends_with("_offset"))),
            "warnings" => said.extend(kept(checkpoint, table, |column| matches!(column, "code" | "member"))),
            _ => said.extend(fixtures::printed(checkpoint, &[table])),
        }
    }
    said
}

/// What some columns of a table say.
fn kept(checkpoint: &Checkpoint, table: &'static str, is_kept: fn(&str) -> bool) -> Vec<u8> {
    let mut rows = fixtures::rows_of(checkpoint, &[table]).remove(table).unwrap();
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|column, _| is_kept(column));
    }
    Value::from(rows).to_string().into_bytes()
}

/// The checkpoints of some members, after all that can be warned of was.
fn opened(members: &Members) -> Vec<Checkpoint> {
    let checkpoints = members.open_all().unwrap_or_default();
    checkpoints.iter().for_each(Checkpoint::read_all);
    checkpoints
}

/// What the tables said before, by table.
type Said = Vec<(&'static str, Vec<u8>)>;

/// Whether some table says something else of these members.
fn differs(before: &Said, members: &Members) -> bool {
    let checkpoints = opened(members);
    before.iter().any(|(table, before)| said(&checkpoints, table) != *before)
}

/// The fields that a record has, at any depth.
fn fields(message: &DynamicMessage, found: &mut BTreeSet<Field>) {
    for (field, value) in message.fields() {
        found.insert((message.descriptor().name().to_owned(), field.name().to_owned()));
        match value {
            Reflected::Message(inner) => fields(inner, found),
            Reflected::List(list) => {
                list.iter().filter_map(Reflected::as_message).for_each(|inner| fields(inner, found));
            }
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
            Reflected::Message(inner) => strike(inner, field),
            Reflected::List(list) => {
                for value in list {
                    if let Reflected::Message(inner) = value {
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
        assert!(["Elsewhere: ", "Restore: ", "Same: ", "Default: "].iter().any(|word| why.starts_with(word)), "{line}");
        for name in names.split(' ') {
            let field = (message.trim_matches('`').to_owned(), name.trim_matches('`').to_owned());
            assert!(fields.insert(field.clone()), "{field:?} is explained twice");
        }
    }
    fields
}

/// The images of some members, their records, and in which of them each field is.
struct Images {
    images: Vec<(String, Image, Vec<DynamicMessage>)>,
    fields: BTreeMap<Field, BTreeSet<(usize, usize)>>,
}

impl Images {
    fn of(schema: &Schema, members: &Members) -> Self {
        let mut all = Images { images: Vec::new(), fields: BTreeMap::new() };
        for member in &members.0 {
            let Some(image) = Image::of(schema, member) else { continue };
            let records = image.records.iter().enumerate();
            let records: Vec<_> = records.map(|(number, (bytes, _))| image.decode(schema, number, bytes)).collect();
            for (number, record) in records.iter().enumerate() {
                let mut found = BTreeSet::new();
                fields(record, &mut found);
                for field in found {
                    all.fields.entry(field).or_default().insert((all.images.len(), number));
                }
            }
            all.images.push((member.name.clone(), image, records));
        }
        all
    }

    /// The members, with some fields struck out of all images.
    fn without(&self, struck: &[&Field], members: &Members) -> Members {
        let mut changed: BTreeMap<(usize, usize), DynamicMessage> = BTreeMap::new();
        for field in struck {
            for &(image, number) in &self.fields[*field] {
                let record = changed.entry((image, number)).or_insert_with(|| self.images[image].2[number].clone());
                strike(record, field);
            }
        }
        let mut images: BTreeMap<usize, Image> = BTreeMap::new();
        for ((image, number), record) in changed {
            let image = images.entry(image).or_insert_with(|| self.images[image].1.clone());
            image.records[number].0 = record.encode_to_vec();
        }
        let mut members = members.clone();
        for (image, changed) in images {
            members.set(&self.images[image].0, changed.bytes());
        }
        members
    }

    /// Those of some fields that a table shows. All are struck out together, and halves of them only if that makes a
    /// difference. What is only seen if another of them is there counts as not shown.
    fn shown<'f>(&self, struck: &[&'f Field], members: &Members, before: &Said) -> Vec<&'f Field> {
        if struck.is_empty() || !differs(before, &self.without(struck, members)) {
            return Vec::new();
        }
        if let [field] = struck {
            return vec![field];
        }
        let (one, other) = struck.split_at(struck.len() / 2);
        [one, other].iter().flat_map(|half| self.shown(half, members, before)).collect()
    }
}

/// Cases that have no field that others have not, and would take long.
const LARGE: [&str; 1] = ["webapp-compromise"];

#[test]
fn every_field_is_shown_or_explained() {
    let (schema, explained) = (Schema::load(), explained());
    let (mut shown, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for case in fixtures::cases().iter().filter(|case| !LARGE.contains(&case.as_str())) {
        for archive in fixtures::archives_of(case) {
            let members = Members::of(&archive);
            let images = Images::of(&schema, &members);
            seen.extend(images.fields.keys().cloned());
            let checkpoints = opened(&members);
            let before: Said = tables().into_iter().map(|table| (table, said(&checkpoints, table))).collect();
            let candidates = images.fields.keys().filter(|field| !shown.contains(*field));
            // Of those that no table shows, all are tried at once, and of the others one after the other.
            let (dark, open): (Vec<&Field>, Vec<&Field>) = candidates.partition(|field| explained.contains(*field));
            let half = |part: usize| -> Vec<Field> {
                let mine = open.iter().skip(part).step_by(2);
                mine.flat_map(|field| images.shown(&[field], &members, &before)).cloned().collect()
            };
            let (one, other) = std::thread::scope(|scope| {
                let other = scope.spawn(|| half(1));
                (half(0), other.join().unwrap())
            });
            let stale = images.shown(&dark, &members, &before);
            shown.extend(one.into_iter().chain(other).chain(stale.into_iter().cloned()));
        }
    }
    let lost: Vec<_> = seen.iter().filter(|field| !shown.contains(*field) && !explained.contains(*field)).collect();
    assert!(lost.is_empty(), "no table shows these, and docs/fields.md does not say why: {lost:?}");
    let stale: Vec<_> = explained.intersection(&shown).collect();
    assert!(stale.is_empty(), "docs/fields.md says that no table shows these, but one does: {stale:?}");
    assert!(shown.len() > 250, "only {} fields were found in tables", shown.len());
}
