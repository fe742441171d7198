//! Table `log_lines`.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::Checkpoint;
use crate::model::log::{LogFile, LogLine as Line};

table! {
    "log_lines", key(member, line), brief(line, time, level, text),
    event(Event::happened(&["process"], "log-line", "time").about(Subject::Record).under("log"));
    /// Lines of CRIU's log and of the container's log, log by log. A truncated log has the lines that are there.
    pub struct LogLine {
        /// The log: `criu` (which uses the host's process ids) or `container` (standard output and error).
        pub source: &'static str,
        /// The member of the archive.
        pub member: BString,
        /// Line number, from 1.
        pub line: u64,
        /// Offset of the line in the member, in bytes.
        pub offset: u64,
        /// When the container wrote the line. Null for CRIU's log, which has no times of day.
        #[to(ecs("event.start"), moment("Log Entry"))]
        pub time: Option<Timestamp>,
        /// Microseconds since CRIU started. Null for lines without a time.
        pub elapsed_us: Option<u64>,
        /// `error` or `warning` in CRIU's log; a successful dump has some too. Null for all other lines.
        #[to(ecs("log.level"))]
        pub level: Option<&'static str>,
        /// CRIU source file that wrote a warning or an error.
        pub source_file: Option<BString>,
        /// Line in that source file.
        pub source_line: Option<u64>,
        /// `stdout` or `stderr`.
        pub stream: Option<&'static str>,
        /// `F`: the end of a line that the container wrote. `P`: a part that the next row of the same stream continues.
        pub tag: Option<BString>,
        /// Text of the line, at most 1 MiB (the limit `line` changes this).
        #[to(ecs("message"))]
        pub text: BString,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = LogLine> + '_ {
    checkpoint.logs().into_iter().flat_map(|log| log.lines().map(move |line| row(&log, line)))
}

fn row(log: &LogFile<'_>, line: Line) -> LogLine {
    let (source_file, source_line) = line.written_by.unzip();
    LogLine {
        source: log.source.as_str(),
        member: log.member.path.clone(),
        line: line.number,
        offset: line.offset,
        time: line.time,
        elapsed_us: line.elapsed,
        level: line.level,
        source_file,
        source_line,
        stream: line.stream,
        tag: line.tag,
        text: line.text,
    }
}
