//! Pipes and named pipes: their ends and their waiting bytes. `pipes-data.img`, `fifo-data.img`.

use std::collections::BTreeMap;

use super::file::File;
use super::ids::FileId;
use super::{EngineFiles, Model};
use crate::abi;
use crate::images::proto::{PipeDataEntry, RegFileEntry};
use crate::images::{Images, Kind, Span};
use crate::warning::Code;

/// A pipe.
#[derive(Clone, Debug, Default)]
pub struct Pipe {
    /// Path of a named pipe, with ` (deleted)` if the kernel adds that.
    pub path: Option<Vec<u8>>,
    /// Open files that read from it.
    pub readers: Vec<FileId>,
    /// Open files that write to it.
    pub writers: Vec<FileId>,
    /// Capacity in bytes, if recorded.
    pub capacity: Option<u32>,
    /// Waiting bytes; `None` if not recorded, because nothing in the container could read them.
    pub waiting: Option<Span>,
}

/// The pipes of a dump. Pipes and named pipes are numbered independently, by their file systems.
#[derive(Debug, Default)]
pub struct Pipes {
    /// Pipes, by whether they are named and by inode.
    pipes: BTreeMap<(bool, u32), Pipe>,
}

impl Pipes {
    /// The pipes, each with whether it is named and its inode; pipes before named pipes, by inode.
    pub fn iter(&self) -> impl Iterator<Item = (bool, u32, &Pipe)> {
        self.pipes.iter().map(|(&(named, inode), pipe)| (named, inode, pipe))
    }

    fn at(&mut self, named: bool, inode: u32) -> &mut Pipe {
        self.pipes.entry((named, inode)).or_default()
    }
}

/// Reads them.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> Pipes {
    let mut pipes = Pipes::default();
    let files = model.files();
    for (id, file) in files.iter() {
        let (pipe, flags) = match file {
            File::Pipe(entry) => (pipes.at(false, entry.pipe_id()), entry.flags()),
            File::Fifo(entry) => {
                // Before CRIU 3.6 the path had the same id.
                let named = entry.regf_id.map_or(id, FileId);
                let pipe = pipes.at(true, entry.pipe_id());
                pipe.path = pipe.path.take().or_else(|| Some(files.path(named)?.text));
                (pipe, files.regular(named).map_or(0, RegFileEntry::flags))
            }
            _ => continue,
        };
        let access = flags & abi::open::ACCESS;
        if access != abi::open::WRITE_ONLY {
            pipe.readers.push(id);
        }
        if access != 0 {
            pipe.writers.push(id);
        }
    }
    for (named, kind) in [(false, Kind::PipesData), (true, Kind::FifoData)] {
        images.each::<PipeDataEntry>(kind, 0, |entry, record, place| {
            let pipe = pipes.at(named, entry.pipe_id());
            pipe.capacity = entry.size;
            let waiting = Span::behind((kind, 0), record, 0, entry.bytes().into());
            if pipe.waiting.replace(waiting).is_some() {
                images.warnings.push(Code::RecordDuplicate, place(), || {
                    format!("the waiting bytes of pipe {} are recorded twice; used the last record", entry.pipe_id())
                });
            }
        });
    }
    pipes
}
