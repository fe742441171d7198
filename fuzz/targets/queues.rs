//! What waits in queues, behind the records of them: packets with control messages, pipes, connections, System V objects,
//! terminals, BPF maps, deleted files.

use cryoscope::images::Kind;
use cryoscope::memory::Keep;

use super::parts::{decode, image_of, images_of, least, name_of, part, read_tables};
use super::record;

const KINDS: [Kind; 11] = [
    Kind::SkQueues,
    Kind::PipesData,
    Kind::FifoData,
    Kind::TcpStream,
    Kind::IpcnsMsg,
    Kind::IpcnsShm,
    Kind::IpcnsSem,
    Kind::TtyData,
    Kind::TtyInfo,
    Kind::BpfmapData,
    Kind::GhostFile,
];
/// A table for each.
const TABLES: [&str; 11] = [
    "unix_queues",
    "pipes",
    "pipes",
    "tcp_queues",
    "ipc_messages",
    "ipc",
    "ipc",
    "tty_queues",
    "ttys",
    "bpf_maps",
    "recovered_files",
];

/// The kind that the first byte chooses, a message as long as the next two say, and what follows it.
pub fn run(data: &[u8]) {
    let [number, low, high, rest @ ..] = data else { return };
    let number = usize::from(*number) % KINDS.len();
    let message = rest.get(..usize::from(u16::from_le_bytes([*low, *high]))).unwrap_or(rest);
    let image = image_of(KINDS[number], &[(message, &rest[message.len()..])]);
    let name = name_of(KINDS[number]);
    let files = ["checkpoint/files.img", "checkpoint/remap-fpath.img"].map(|name| (name, part(name)));
    let archive = least(&[files[0], files[1], (&name, &image)]);
    decode(&read_tables(&archive, Keep::Files, &[TABLES[number]]), Some(&name));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let archives: [&[u8]; 5] = [
        include_bytes!("../../fixtures/sockets-unix/sockets-unix.tar.zst"),
        include_bytes!("../../fixtures/ipc/ipc.tar.zst"),
        include_bytes!("../../fixtures/console/console.tar.zst"),
        include_bytes!("../../fixtures/files-more/files-more.tar.zst"),
        include_bytes!("../../fixtures/forms-reference/podman-runc.tar"),
    ];
    let mut images: Vec<Vec<u8>> = archives.iter().flat_map(|archive| images_of(archive, &KINDS)).collect();
    for image in &mut images {
        image.truncate(4096);
    }
    record::of_images(images)
}
