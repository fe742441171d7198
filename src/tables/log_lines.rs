//! Table `log_lines`.

use bstr::BString;
use jiff::Timestamp;

use super::table::table;
use crate::Checkpoint;
use crate::model::log::{LogFile, LogLine as Line};

table! {
    "log_lines", key(member, line), brief(line, time, level, text),
    event(Event::happened(&["process"], "log-line", "time").about(Subject::Record).under("log"));
    /// The lines of CRIU's log and of the container's, log by log; of a log that is cut, those that are there.
    pub struct LogLine {
        /// Whose log it is: `criu` (it numbers processes as the host did) or `container` (its standard output and error).
        pub source: &'static str,
        /// The member of the archive.
        pub member: BString,
        /// Number of the line, from 1.
        pub line: u64,
        /// Where the line begins in the member.
        pub offset: u64,
        /// When the container wrote it. CRIU's log has no times of day.
        #[to(ecs("event.start"), moment("Log Entry"))]
        pub time: Option<Timestamp>,
        /// Microseconds since CRIU was started; null of lines without a time.
        pub elapsed_us: Option<u64>,
        /// `error` or `warning` of CRIU's log, null of all else; a dump that went well has some, too.
        #[to(ecs("log.level"))]
        pub level: Option<&'static str>,
        /// File of CRIU's source that wrote a warning or an error.
        pub source_file: Option<BString>,
        /// Line in that file.
        pub source_line: Option<u64>,
        /// `stdout` or `stderr`.
        pub stream: Option<&'static str>,
        /// `F`: the end of a line that the container wrote; `P`: a piece that the next row of the stream continues.
        pub tag: Option<BString>,
        /// What was written; at most 1 MiB, or what the limit `line` says.
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
