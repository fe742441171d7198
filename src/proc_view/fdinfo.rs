//! `/proc/PID/fdinfo/N`.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;

use crate::abi::open::CLOEXEC;
use crate::images::ByteOrder;
use crate::images::proto::{FanotifyMarkEntry, FhEntry, InotifyWdEntry};
use crate::model::Model;
use crate::model::fdinfo::Descriptor;
use crate::model::file::File;
use crate::tables::OpenFile;

/// Source: the kernel's `fs/proc/fd.c`, `seq_show`, and the lines that each type of file adds.
pub(super) fn write(model: &Model, descriptor: &Descriptor, open: &OpenFile) -> Vec<u8> {
    let mut out = String::new();
    let file = descriptor.fd_type.and_then(|fd_type| model.files().get(fd_type, descriptor.file));
    if let Some(pos) = open.pos {
        let _ = writeln!(out, "pos:\t{}", pos.cast_signed());
    }
    if let Some(flags) = open.flags.as_deref().and_then(|flags| u32::from_str_radix(flags, 8).ok()) {
        let _ = writeln!(out, "flags:\t0{:o}", if open.cloexec { flags | CLOEXEC } else { flags });
    }
    if let Some(mount) = open.mount_id {
        let _ = writeln!(out, "mnt_id:\t{mount}");
    }
    if let Some(inode) = file.and_then(inode) {
        let _ = writeln!(out, "ino:\t{inode}");
    }
    let mut bytes = Vec::new();
    if let Some(file) = file {
        own(&mut out, &mut bytes, model, file);
    }
    [out.into_bytes(), bytes].concat()
}

/// The inode. It is stored only if it names the file.
fn inode(file: &File) -> Option<u32> {
    match file {
        File::Pipe(entry) => entry.pipe_id,
        File::Fifo(entry) => entry.pipe_id,
        File::Inet(entry) => entry.ino,
        File::Unix(entry) => entry.ino,
        File::Netlink(entry) => entry.ino,
        File::Pidfd(entry) => entry.ino,
        _ => None,
    }
}

/// Writes the lines that only this type of file has.
fn own(out: &mut String, bytes: &mut Vec<u8>, model: &Model, file: &File) {
    let order = model.byte_order();
    match file {
        // Source: `fs/eventfd.c`. Its id, and whether it is a semaphore, are not stored.
        File::Eventfd(entry) => {
            let _ = writeln!(out, "eventfd-count: {:>16x}", entry.counter());
        }
        // Source: `fs/signalfd.c`.
        File::Signalfd(entry) => {
            let _ = writeln!(out, "sigmask:\t{:016x}", entry.sigmask());
        }
        // Source: `fs/eventpoll.c`.
        File::Eventpoll(entry) => {
            for t in &entry.tfd {
                let (Some(pos), Some(inode), Some(device)) = (t.pos, t.inode, t.dev) else { continue };
                let (fd, events, data) = (t.tfd(), t.events(), t.data());
                let _ = writeln!(
                    out,
                    "tfd: {fd:>8} events: {events:>8x} data: {data:>16x}  pos:{pos} ino:{inode:x} sdev:{device:x}"
                );
            }
        }
        // Source: `fs/timerfd.c`.
        File::Timerfd(entry) => {
            let _ = writeln!(
                out,
                "clockid: {}\nticks: {}\nsettime flags: 0{:o}\nit_value: ({}, {})\nit_interval: ({}, {})",
                entry.clockid(),
                entry.ticks(),
                entry.settime_flags(),
                entry.vsec(),
                entry.vnsec(),
                entry.isec(),
                entry.insec(),
            );
        }
        File::Inotify(entry) => entry.wd.iter().for_each(|watch| inotify(out, watch, order)),
        File::Fanotify(entry) => {
            let _ = writeln!(out, "fanotify flags:{:x} event-flags:{:x}", entry.faflags(), entry.evflags());
            entry.mark.iter().for_each(|mark| fanotify(out, mark, order));
        }
        // Source: `fs/pidfs.c`. For a process that has ended, both are -1.
        File::Pidfd(entry) => {
            let _ = writeln!(out, "Pid:\t{0}\nNSpid:\t{0}", entry.nspid());
        }
        // Source: `drivers/net/tun.c`.
        File::Tun(entry) => {
            if let Some(name) = &entry.netdev {
                bytes.extend_from_slice(b"iff:\t");
                super::text::octal(bytes, name, b"\n");
                bytes.push(b'\n');
            }
        }
        _ => {}
    }
}

/// Source: the kernel's `fs/notify/fdinfo.c`, `inotify_fdinfo`.
fn inotify(out: &mut String, watch: &InotifyWdEntry, order: ByteOrder) {
    let (wd, inode, device, mask) = (watch.wd(), watch.i_ino(), watch.s_dev(), watch.mask());
    let handle = watch.f_handle.as_ref().map(|h| handle(h, order)).unwrap_or_default();
    let _ = writeln!(out, "inotify wd:{wd:x} ino:{inode:x} sdev:{device:x} mask:{mask:x} ignored_mask:0 {handle}");
}

/// Source: the same, `fanotify_fdinfo`.
fn fanotify(out: &mut String, mark: &FanotifyMarkEntry, order: ByteOrder) {
    let (flags, events, ignored, device) = (mark.mflags(), mark.mask(), mark.ignored_mask(), mark.s_dev());
    let masks = format!("mflags:{flags:x} mask:{events:x} ignored_mask:{ignored:x}");
    if let Some(inode) = &mark.ie {
        let handle = inode.f_handle.as_ref().map(|h| handle(h, order)).unwrap_or_default();
        let _ = writeln!(out, "fanotify ino:{:x} sdev:{device:x} {masks} {handle}", inode.i_ino());
    } else if let Some(mount) = &mark.me {
        let _ = writeln!(out, "fanotify mnt_id:{:x} {masks}", mount.mnt_id());
    }
}

/// Source: the same, `show_mark_fhandle`. The image stores the bytes of the handle as machine words.
fn handle(handle: &FhEntry, order: ByteOrder) -> String {
    let words = handle.handle.iter().flat_map(|word| match order {
        ByteOrder::Little => word.to_le_bytes(),
        ByteOrder::Big => word.to_be_bytes(),
    });
    let bytes: Vec<u8> = words.take(usize::try_from(handle.bytes()).unwrap_or(0)).collect();
    format!(
        "fhandle-bytes:{:x} fhandle-type:{:x} f_handle:{}",
        handle.bytes(),
        handle.r#type(),
        HEXLOWER.encode(&bytes)
    )
}
