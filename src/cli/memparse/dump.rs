//! `memparse --dump`: writes raw bytes, and an index that describes them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use cryoscope::Checkpoint;
use cryoscope::formats::{Columns, Format, RowWriter, Style, units};
use cryoscope::memory::{Origin, Part, PartContent};
use cryoscope::model::process::Process;
use cryoscope::tables::{DumpedRun, dumped};

use super::super::args::{Global, MemparseArgs};
use super::super::exit::Exit;
use super::super::newfile::{NewFile, Readers, make_folder, not_written};
use super::super::outputs::{Claim, Outputs};
use super::super::record::Record;
use super::super::screen::{complain, refuse_terminal};
use super::super::stdout::Stdout;
use super::super::{Failure, Outcome};
use super::selection::Selected;
use super::threads;

/// Largest file that every common file system allows, with holes, in bytes. ext4 has the lowest limit.
const FILE_MOST: u64 = 16 << 40;

/// Zeros that are written at once to an output that cannot be sparse.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

pub(super) fn run(checkpoint: &Checkpoint, selected: &Selected<'_>, args: &MemparseArgs, global: &Global) -> Outcome {
    let Some(target) = args.dump.as_deref() else { return Ok(Exit::Done) };
    if global.output.is_some() {
        return Err(Failure::Usage("--dump already names the output; remove --output".to_owned()));
    }
    let ranges = match selected.range() {
        Some(range) if args.prot.is_none() && args.kind.is_empty() && args.path.is_none() => {
            selected.ranges.iter().map(|(process, _)| (*process, vec![range.clone()])).collect()
        }
        _ => selected.by_mapping(),
    };
    if ranges.iter().all(|(_, list)| list.is_empty()) {
        return Err(Failure::Usage("no mapping matches; `cryoscope inspect --maps` lists them".to_owned()));
    }
    let (record, outputs) = (&global.record, &global.outputs);
    let dump = Dump { checkpoint, selected, threads: threads(args), force: global.force, record, outputs };
    if is_folder(target) {
        return dump.to_folder(target, &ranges);
    }
    let [(process, list)] = ranges.as_slice() else {
        let pids: Vec<String> = ranges.iter().map(|(process, _)| process.pid().to_string()).collect();
        return Err(Failure::Usage(format!(
            "a file holds the memory of one process; choose it with --pid ({}), or name a directory",
            pids.join(", ")
        )));
    };
    if target == Path::new("-") {
        return dump.to_stdout(process, list);
    }
    let claim = outputs.claim(target)?;
    if fs::metadata(target).is_ok_and(|metadata| !metadata.is_file()) {
        dump.check_zeros(process, list)?;
        let file = File::options().write(true).open(target).map_err(|error| not_written(target, &error))?;
        dump.write(process, list, &mut Plain(BufWriter::new(file)))?;
        return Ok(Exit::Done);
    }
    let mut rows = Index::create(&outputs.claim(&index_of(target))?, global.force)?;
    if !dump.to_file(&claim, process, list, &mut rows)? {
        let why = "the mappings are larger than a file can be; select fewer with --kind or --range";
        return Err(Failure::Usage(format!("cannot write {}: {why}", target.display())));
    }
    rows.finish(dump.record)?;
    Ok(Exit::Done)
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/')
}

/// `FILE.index.ndjson`.
fn index_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".index.ndjson");
    PathBuf::from(name)
}

/// The index of a dump.
struct Index {
    file: NewFile,
    rows: Vec<u8>,
}

impl Index {
    fn create(claim: &Claim, force: bool) -> Result<Self, Failure> {
        Ok(Index { file: NewFile::create(claim, force, Readers::Owner)?, rows: Vec::new() })
    }

    fn add(&mut self, rows: impl Iterator<Item = DumpedRun>) -> io::Result<()> {
        let style =
            Style { format: Format::NDJSON, columns: Columns::All, name_tables: false, lead: Vec::new(), width: None };
        let mut writer = RowWriter::new(&mut self.rows, style);
        writer.begin(&DumpedRun::TABLE)?;
        for row in rows {
            writer.row(&row)?;
        }
        writer.finish()?;
        self.file.write_all(&self.rows)?;
        self.rows.clear();
        Ok(())
    }

    fn finish(self, record: &Record) -> Result<(), Failure> {
        record.output(&self.file.finish()?);
        Ok(())
    }
}

struct Dump<'c> {
    checkpoint: &'c Checkpoint,
    selected: &'c Selected<'c>,
    threads: usize,
    force: bool,
    record: &'c Record,
    outputs: &'c Outputs,
}

impl Dump<'_> {
    fn to_stdout(&self, process: &Process, ranges: &[Range<u64>]) -> Outcome {
        refuse_terminal()?;
        self.check_zeros(process, ranges)?;
        self.write(process, ranges, &mut Plain(Stdout::new(self.record)))?;
        Ok(Exit::Done)
    }

    /// Refuses a stream with a huge number of zeros before the first byte is written: a mapping may claim any size, and
    /// only files have holes.
    fn check_zeros(&self, process: &Process, ranges: &[Range<u64>]) -> Result<(), Failure> {
        let most = self.checkpoint.limits().zero_bytes;
        let Some(space) = self.checkpoint.memory().pages(process) else { return Ok(()) };
        let runs = ranges.iter().flat_map(|range| space.runs(range.start, range.end));
        let zeros = runs.filter(|run| !matches!(run.origin, Origin::Recorded { .. } | Origin::Given { .. }));
        let zeros = zeros.map(|run| run.end.saturating_sub(run.start)).fold(0, u64::saturating_add);
        if zeros <= most {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{} of the dump are not in the archive and would be zeros, the limit is {}; select mappings (--kind, \
             --range), dump to a file or a directory, where zeros take no space, or raise the limit with --max-dump",
            units::size(zeros),
            units::size(most)
        )))
    }

    /// Writes a file for each mapping, and one index.
    fn to_folder(&self, folder: &Path, ranges: &[(&Process, Vec<Range<u64>>)]) -> Outcome {
        make_folder(folder).map_err(|error| not_written(folder, &error))?;
        let mut index = Index::create(&self.outputs.claim(&folder.join("index.ndjson"))?, self.force)?;
        let mut exit = Exit::Done;
        let all = || ranges.iter().flat_map(|(process, list)| list.iter().map(move |range| (*process, range)));
        let name = |(process, range): (&Process, &Range<u64>)| {
            format!("{}-{:x}-{:x}.bin", process.pid(), range.start, range.end)
        };
        // Claims all files before any is written.
        let claims = all().map(|one| self.outputs.claim(&folder.join(name(one)))).collect::<Result<Vec<_>, _>>()?;
        for (claim, (process, range)) in claims.iter().zip(all()) {
            if !self.to_file(claim, process, std::slice::from_ref(range), &mut index)? {
                complain(&format!(
                    "warning: {}: larger than a file can be, skipped; select a part of it with --range",
                    name((process, range))
                ));
                exit = Exit::Partial;
            }
        }
        index.finish(self.record)?;
        Ok(exit)
    }

    /// Writes a sparse file with one range after another. Returns `false` if it would be larger than the file system
    /// allows.
    fn to_file(
        &self,
        claim: &Claim,
        process: &Process,
        ranges: &[Range<u64>],
        index: &mut Index,
    ) -> Result<bool, Failure> {
        let path = claim.path();
        let mut file = NewFile::create(claim, self.force, Readers::Owner)?;
        let mut sparse = Sparse { file: file.file(), len: 0 };
        let written = self.write(process, ranges, &mut sparse).and_then(|()| sparse.file.set_len(sparse.len));
        let len = ranges.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, u64::saturating_add);
        match written {
            // A shorter file fails because of a limit of the user or a full disk.
            Err(error)
                if len > FILE_MOST
                    && matches!(error.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput) =>
            {
                return Ok(false);
            }
            other => other.map_err(|error| not_written(path, &error))?,
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(space) = self.checkpoint.memory().pages(process) {
            let mut offset = 0_u64;
            for range in ranges {
                let mapping = self.selected.mappings.at(process.pid(), range.start);
                index.add(dumped(&name, offset, &space, process.pid(), range, mapping))?;
                offset = offset.saturating_add(range.end.saturating_sub(range.start));
            }
        }
        self.record.output(&file.finish()?);
        Ok(true)
    }

    fn write(&self, process: &Process, ranges: &[Range<u64>], sink: &mut impl Sink) -> io::Result<()> {
        let memory = self.checkpoint.memory();
        let space = memory.pages(process);
        let mut result = Ok(());
        memory.walk(
            &[(process, ranges.to_vec())],
            self.threads,
            |part: Part<'_>| part,
            |part| {
                result = match &part.content {
                    PartContent::Bytes(bytes) => sink.bytes(bytes),
                    PartContent::Untouched | PartContent::Missing(_) => {
                        sink.nothing(part.end.saturating_sub(part.start))
                    }
                };
                if let Some(space) = &space {
                    space.give_back(part.start, part.end);
                }
                if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        result.and_then(|()| sink.flush())
    }
}

/// Destination of a dump.
trait Sink {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Skips `len` missing bytes.
    fn nothing(&mut self, len: u64) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

/// A file with holes for missing bytes.
struct Sparse<'f> {
    file: &'f mut File,
    len: u64,
}

impl Sink for Sparse<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.len))?;
        self.file.write_all(bytes)?;
        self.nothing(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }

    fn nothing(&mut self, len: u64) -> io::Result<()> {
        self.len = self.len.saturating_add(len);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A stream, with zeros for missing bytes.
struct Plain<W>(W);

impl<W: Write> Sink for Plain<W> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn nothing(&mut self, mut len: u64) -> io::Result<()> {
        while len > 0 {
            let now = usize::try_from(len).unwrap_or(usize::MAX).min(ZEROS.len());
            self.0.write_all(&ZEROS[..now])?;
            len = len.saturating_sub(u64::try_from(now).unwrap_or(len));
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
