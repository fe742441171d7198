//! Extracts queues: a file for each pipe, for each direction of a connection, for each packet and message, and for each
//! end of a terminal.

use std::collections::HashMap;

use super::output::Contents;
use super::{Choice, ExtractError, Output, What, below, listed, pids_of_files};
use crate::Checkpoint;
use crate::images::Span;
use crate::int::u64_of;
use crate::model::file::File;
use crate::model::ids::{FileId, Pid};
use crate::tables::Extracted;

/// Extracts queues.
pub(super) fn write(checkpoint: &Checkpoint, choice: &Choice<'_>, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let mut queues = Queues { checkpoint, choice, output };
    queues.pipes()?;
    queues.connections()?;
    queues.packets()?;
    queues.terminals()?;
    queues.messages()
}

struct Queues<'q, 'c, 'o> {
    checkpoint: &'c Checkpoint,
    choice: &'q Choice<'q>,
    output: &'q mut Output<'o>,
}

impl Queues<'_, '_, '_> {
    fn pipes(&mut self) -> Result<(), ExtractError> {
        for (named, inode, pipe) in self.checkpoint.pipe_table().iter() {
            let Some(span) = pipe.waiting.filter(|span| span.len > 0) else { continue };
            let files: Vec<FileId> = pipe.readers.iter().chain(&pipe.writers).copied().collect();
            let (file, path) = match &pipe.path {
                Some(path) if named => (format!("fifo-{inode}"), path.clone()),
                _ if named => (format!("fifo-{inode}"), format!("fifo:[{inode}]").into_bytes()),
                _ => (format!("pipe-{inode}"), format!("pipe:[{inode}]").into_bytes()),
            };
            self.span(&file, path, &pids_of_files(self.checkpoint, &files), span)?;
        }
        Ok(())
    }

    fn connections(&mut self) -> Result<(), ExtractError> {
        let by_inode = self.sockets();
        for (inode, stream) in self.checkpoint.model().queues().streams() {
            let files = by_inode.get(&inode).map_or(&[][..], Vec::as_slice);
            let pids = pids_of_files(self.checkpoint, files);
            for (queue, span) in [("receive", stream.receive), ("send", stream.send)] {
                if span.len > 0 {
                    let path = format!("socket:[{inode}]").into_bytes();
                    self.span(&format!("tcp-{inode}-{queue}"), path, &pids, span)?;
                }
            }
        }
        Ok(())
    }

    /// Open files of internet sockets, by inode.
    fn sockets(&self) -> HashMap<u64, Vec<FileId>> {
        let mut by_inode: HashMap<u64, Vec<FileId>> = HashMap::new();
        for (id, file) in self.checkpoint.model().files().iter() {
            if let File::Inet(entry) = file
                && let Some(inode) = entry.ino
            {
                by_inode.entry(inode.into()).or_default().push(id);
            }
        }
        by_inode
    }

    fn packets(&mut self) -> Result<(), ExtractError> {
        let model = self.checkpoint.model();
        let files: HashMap<FileId, &File> = model.files().iter().filter(|(_, file)| is_socket(file)).collect();
        let mut before: HashMap<FileId, u64> = HashMap::new();
        let mut holders: HashMap<FileId, Vec<Pid>> = HashMap::new();
        for packet in model.queues().packets() {
            let position = before.entry(packet.file).or_default();
            let number = *position;
            *position = number.saturating_add(1);
            let socket = files.get(&packet.file).and_then(|file| model.socket(packet.file, file));
            let family = socket.as_ref().map_or("socket", |socket| socket.family.as_str());
            let (file, path) = match socket.as_ref().and_then(|socket| socket.inode) {
                Some(inode) => (format!("{family}-{inode}"), format!("socket:[{inode}]")),
                None => (format!("{family}-file-{}", packet.file), format!("file {}", packet.file)),
            };
            // Thousands of packets may wait in a socket that has thousands of holders.
            let pids = holders.entry(packet.file).or_insert_with(|| pids_of_files(self.checkpoint, &[packet.file]));
            self.span(&format!("{file}/{number:06}"), path.into_bytes(), pids, packet.bytes)?;
        }
        Ok(())
    }

    fn terminals(&mut self) -> Result<(), ExtractError> {
        let open = self.checkpoint.model().files().of_terminals();
        let mut holders: HashMap<u32, Vec<Pid>> = HashMap::new();
        for waiting in self.checkpoint.terminal_queues().iter() {
            let files = || open.get(&waiting.terminal).map_or(&[][..], Vec::as_slice);
            let pids = holders.entry(waiting.terminal).or_insert_with(|| pids_of_files(self.checkpoint, files()));
            let name = format!("tty-{}", waiting.terminal);
            let row = Extracted { member: Some("tty-data.img".into()), ..Extracted::of(What::Queues.as_str()) };
            self.file(&name, name.clone().into_bytes(), pids, row, |contents| contents.bytes(&waiting.bytes))?;
        }
        Ok(())
    }

    fn messages(&mut self) -> Result<(), ExtractError> {
        for queue in &self.checkpoint.system_v().queues {
            for (number, message) in queue.messages.iter().enumerate() {
                let name = format!("messages-{}-{}", queue.namespace, queue.id);
                let path = format!("message queue {} key {:#010x}", queue.id, queue.key);
                self.span(&format!("{name}/{number:06}"), path.into_bytes(), &[], message.text)?;
            }
        }
        Ok(())
    }

    fn span(&mut self, name: &str, path: Vec<u8>, pids: &[Pid], span: Span) -> Result<(), ExtractError> {
        let (kind, number) = span.image;
        let images = self.checkpoint.reader(self.checkpoint.images());
        let member = images.set.find(images.archive, kind, number).map(|member| member.path.clone());
        let row = Extracted { member, offset: Some(span.offset), ..Extracted::of(What::Queues.as_str()) };
        self.file(name, path, pids, row, |contents| {
            let bytes = images.bytes_of(span);
            contents.bytes(&bytes)?;
            let missing = span.len.saturating_sub(u64_of(bytes.len()));
            if missing > 0 {
                contents.missing(missing, true, "its image is cut");
            }
            Ok(())
        })
    }

    fn file(
        &mut self,
        name: &str,
        path: Vec<u8>,
        pids: &[Pid],
        row: Extracted,
        write: impl FnOnce(&mut Contents<'_>) -> std::io::Result<()>,
    ) -> Result<(), ExtractError> {
        if !self.choice.wants(&path, pids) {
            return Ok(());
        }
        let row = Extracted { path: Some(path.into()), pids: listed(pids), ..row };
        self.output.file(What::Queues, &below(&[What::Queues.as_str()], name.as_bytes()), row, write)
    }
}

fn is_socket(file: &File) -> bool {
    matches!(file, File::Unix(_) | File::Netlink(_) | File::Packet(_) | File::Inet(_))
}
