//! Signals that wait: `siginfo_t` of each architecture, 128 bytes each.

use cryoscope::images::Kind;
use cryoscope::images::proto::{CoreEntry, SiginfoEntry, SignalQueueEntry, TaskCoreEntry, ThreadCoreEntry};
use cryoscope::memory::Keep;
use prost::Message;

use super::parts::{files_of, image_of, least, part, read_tables};

/// The first byte is the machine.
pub fn run(data: &[u8]) {
    let Some((&machine, contents)) = data.split_first() else { return };
    let mut core = CoreEntry::decode(&part("checkpoint/core-1.img")[12..]).expect("a record of the reference");
    core.mtype = Some(i32::from(machine % 9));
    let signals: Vec<_> =
        contents.chunks(128).map(|bytes| SiginfoEntry { siginfo: Some(bytes.to_vec()) }).collect();
    core.tc.get_or_insert_with(TaskCoreEntry::default).signals_s = Some(SignalQueueEntry { signals: signals.clone() });
    core.thread_core.get_or_insert_with(ThreadCoreEntry::default).signals_p = Some(SignalQueueEntry { signals });
    let mut pstree = part("checkpoint/pstree.img").to_vec();
    // Byte order is that of the magic numbers.
    if machine & 0x80 != 0 {
        pstree[..4].reverse();
        pstree[4..8].reverse();
    }
    let archive = least(&[
        ("checkpoint/core-1.img", &image_of(Kind::Core, &[(&core.encode_to_vec(), &[])])),
        ("checkpoint/pstree.img", &pstree),
    ]);
    read_tables(&archive, Keep::Arguments, &["pending_signals", "signals"]);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let cores = files_of(include_bytes!("../../fixtures/signals/signals.tar.gz"));
    let cores = cores.iter().filter(|(name, _)| name.contains("/core-") || name.starts_with("core-"));
    let cores = cores.filter_map(|(_, contents)| CoreEntry::decode(contents.get(12..)?).ok());
    let queues = cores.flat_map(|core| [core.tc.and_then(|tc| tc.signals_s), core.thread_core.and_then(|own| own.signals_p)]);
    let signals = queues.flatten().flat_map(|queue| queue.signals).filter_map(|signal| signal.siginfo);
    let mut seeds: Vec<Vec<u8>> = signals.map(|bytes| [&[1], bytes.as_slice()].concat()).collect();
    // Signals of faults, of children, of timers; why they were sent.
    for (machine, signal) in [1_u8, 2, 3, 4, 5, 6, 7, 8, 0x84].into_iter().zip([7_u8, 11, 17, 18, 29, 31, 5, 10, 4]) {
        for code in [1_i32, 3, 4, 6, -1, -2, -6, 0x80] {
            let mut bytes = vec![machine, signal, 0, 0, 0, 0, 0, 0, 0];
            bytes.extend(code.to_le_bytes());
            bytes.resize(129, 0x5a);
            seeds.push(bytes);
        }
    }
    seeds
}
