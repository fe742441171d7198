//! Classic BPF: filters of system calls, one behind the other, of each architecture, and filters of sockets.

use cryoscope::images::Kind;
use cryoscope::images::proto::{
    CoreEntry, FileEntry, PacketSockEntry, SeccompEntry, SeccompFilter, SkOptsEntry, ThreadCoreEntry,
};
use cryoscope::memory::Keep;
use prost::Message;

use super::parts::{image_of, least, part, read_tables};

/// `seccomp_mode.filter`, and a packet socket's `FdTypes`.
const MODE: i32 = 2;
const PACKETSK: i32 = 10;

/// The first byte is the machine, the second how many instructions the first of two filters has.
pub fn run(data: &[u8]) {
    let [machine, first, rest @ ..] = data else { return };
    let (before, after) = rest.split_at(rest.len().min(usize::from(*first) * 8));
    let mut core = CoreEntry::decode(&part("checkpoint/core-1.img")[12..]).expect("a record of the reference");
    core.mtype = Some(i32::from(machine % 9));
    let thread = core.thread_core.get_or_insert_with(ThreadCoreEntry::default);
    thread.seccomp_mode = Some(MODE);
    thread.seccomp_filter = Some(1);
    let filter =
        |bytes: &[u8], prev| SeccompFilter { filter: Some(bytes.to_vec()), prev, flags: Some((*machine >> 4).into()) };
    let filters = SeccompEntry { seccomp_filters: vec![filter(before, None), filter(after, Some(0))] };
    let words = after.as_chunks::<8>().0.iter().map(|&word| u64::from_le_bytes(word)).collect();
    let options = SkOptsEntry { so_filter: words, ..SkOptsEntry::default() };
    let socket = PacketSockEntry { id: Some(1), opts: Some(options), ..PacketSockEntry::default() };
    let file = FileEntry { r#type: Some(PACKETSK), id: Some(1), psk: Some(socket), ..FileEntry::default() };
    let archive = least(&[
        ("checkpoint/core-1.img", &image_of(Kind::Core, &[(&core.encode_to_vec(), &[])])),
        ("checkpoint/seccomp.img", &image_of(Kind::Seccomp, &[(&filters.encode_to_vec(), &[])])),
        ("checkpoint/files.img", &image_of(Kind::Files, &[(&file.encode_to_vec(), &[])])),
    ]);
    read_tables(&archive, Keep::Arguments, &["seccomp_filters", "seccomp_rules", "seccomp_instructions", "socket_filters"]);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let filters = SeccompEntry::decode(&part("checkpoint/seccomp.img")[12..]).expect("a record of the reference");
    let programs: Vec<&[u8]> =
        filters.seccomp_filters.iter().filter_map(|filter| filter.filter.as_deref()).map(|bytes| &bytes[..bytes.len().min(4096)]).collect();
    let instruction = |code: u16, jt, jf, k: u32| {
        let [low, high] = code.to_le_bytes();
        [&[low, high, jt, jf][..], &k.to_le_bytes()].concat()
    };
    // Number, architecture, an argument; each operation of the arithmetic; each test; each end.
    let mut one = vec![instruction(0x20, 0, 0, 0), instruction(0x15, 0, 1, 59), instruction(0x06, 0, 0, 0x7fff_0000)];
    one.push(instruction(0x20, 0, 0, 16));
    one.extend((0..11).map(|operation| instruction(0x04 | operation << 4, 0, 0, 3)));
    one.extend([0x61, 0x02, 0x60, 0x07, 0x87, 0x03, 0x81, 0x80].map(|code| instruction(code, 0, 0, 1)));
    one.extend([0x15, 0x25, 0x35, 0x45, 0x1d, 0x2d].map(|code| instruction(code, 1, 0, 7)));
    one.extend([0x16, 0x06].map(|code| instruction(code, 0, 0, 0x0005_0001)));
    let one = one.concat();
    let machines = (0_u8..9).map(|machine| [&[machine, 3], one.as_slice()].concat());
    let real = programs.iter().map(|program| [&[1, 0], *program].concat());
    machines.chain(real).collect()
}
