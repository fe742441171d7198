//! Logs next to the images: CRIU's log of the dump, and the container's standard output and error, as the engine stored
//! them.

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};
use jiff::Timestamp;
use serde_json::Value;

use super::EngineFiles;
use super::engine_files::{LOGS_OF_CONTAINER, LOGS_OF_CRIU, text_of};
use crate::archive::{Absence, Contents, Member, MemberKind, Piece};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// How the name of Docker's log ends.
const OF_DOCKER: &[u8] = b"-json.log";

/// The writer of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogSource {
    /// CRIU's.
    Criu,
    /// The container's standard output and error.
    Container,
}

impl LogSource {
    /// `criu` or `container`.
    pub fn as_str(self) -> &'static str {
        match self {
            LogSource::Criu => "criu",
            LogSource::Container => "container",
        }
    }
}

/// A log.
#[derive(Clone, Copy, Debug)]
pub struct LogFile<'c> {
    /// The writer of the log.
    pub source: LogSource,
    /// The member that is the log.
    pub member: &'c Member,
    contents: Contents<'c>,
    longest: u64,
    most: u64,
    warnings: &'c Warnings,
}

/// A line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLine {
    /// Line number, from 1.
    pub number: u64,
    /// Offset of the line in the log.
    pub offset: u64,
    /// When it was written.
    pub time: Option<Timestamp>,
    /// Microseconds since CRIU started.
    pub elapsed: Option<u64>,
    /// `error` or `warning`, if CRIU says so.
    pub level: Option<&'static str>,
    /// CRIU source file and line that wrote a warning or an error.
    pub written_by: Option<(BString, u64)>,
    /// `stdout` or `stderr`.
    pub stream: Option<&'static str>,
    /// `F` for a whole line, `P` for a part that the next line of the same stream continues.
    pub tag: Option<BString>,
    /// Text of the line, without its newline.
    pub text: BString,
}

/// The logs of a dump.
pub(crate) fn files<'c>(engine_files: &EngineFiles<'c>) -> Vec<LogFile<'c>> {
    let of_criu = LOGS_OF_CRIU.iter().filter_map(|name| Some((LogSource::Criu, engine_files.work_file(name)?)));
    let of_container =
        LOGS_OF_CONTAINER.iter().filter_map(|name| Some((LogSource::Container, engine_files.file(name)?)));
    let of_docker = engine_files.files_in("").filter(|member| member.file_name().ends_with(OF_DOCKER));
    let all = of_criu.chain(of_container).chain(of_docker.map(|member| (LogSource::Container, member)));
    all.filter_map(|(source, member)| {
        let file = engine_files.archive().resolve(member).ok().filter(|file| file.kind == MemberKind::File)?;
        let (longest, most) = (engine_files.limits.line_bytes, engine_files.limits.lines);
        Some(LogFile {
            source,
            member,
            contents: engine_files.archive().contents(file),
            longest,
            most,
            warnings: engine_files.warnings,
        })
    })
    .collect()
}

impl<'c> LogFile<'c> {
    /// The log's bytes.
    pub fn contents(&self) -> Contents<'c> {
        self.contents
    }

    /// The log's lines, up to the first missing byte.
    pub fn lines(&self) -> impl Iterator<Item = LogLine> + use<'c> {
        let mut raw = RawLines { log: *self, at: 0, number: 0 };
        std::iter::from_fn(move || {
            let (number, offset, bytes) = raw.next_line()?;
            let line = match raw.log.source {
                LogSource::Criu => of_criu(&bytes),
                LogSource::Container => of_container(&bytes),
            };
            Some(LogLine { number, offset, ..line })
        })
    }

    fn place(&self, offset: u64) -> Place {
        Place::member(&self.member.path).at(offset)
    }
}

/// Splits contents at newlines.
struct RawLines<'c> {
    log: LogFile<'c>,
    at: u64,
    number: u64,
}

impl<'c> RawLines<'c> {
    /// The next line: its number, its offset and its bytes.
    fn next_line(&mut self) -> Option<(u64, u64, Cow<'c, [u8]>)> {
        let offset = self.at;
        if offset >= self.log.contents.len() {
            return None;
        }
        if self.number >= self.log.most {
            let most = self.log.most;
            self.log.warnings.push(&Limits::LINES, self.log.place(offset), || {
                format!("the log has more than {most} lines; the rest were skipped")
            });
            self.at = u64::MAX;
            return None;
        }
        let mut line: Cow<'c, [u8]> = Cow::default();
        let mut ended = false;
        while !ended {
            let bytes: Cow<'c, [u8]> = match self.log.contents.piece(self.at, self.log.longest.max(1)) {
                Some(Piece::Bytes(bytes)) => Cow::Borrowed(bytes),
                // A hole in a log is zeros; a line shows only as many as fit into it.
                Some(Piece::Hole(len)) => {
                    let room = self.log.longest.saturating_sub(u64_of(line.len())).saturating_add(1);
                    self.at = self.at.saturating_add(len.saturating_sub(room));
                    Cow::Owned(vec![0; usize_of(len.min(room))])
                }
                Some(Piece::Absent(missing, why)) => {
                    // Unreadable members have a warning of their own.
                    if why != Absence::Unreadable {
                        self.log.warnings.push(Code::MemberUnreadable, self.log.place(self.at), || {
                            format!("{missing} bytes of the log are missing; used the lines before them")
                        });
                    }
                    self.at = u64::MAX;
                    break;
                }
                None => break,
            };
            let end = memchr::memchr(b'\n', &bytes);
            ended = end.is_some();
            let taken = end.unwrap_or(bytes.len());
            self.at = self.at.saturating_add(u64_of(taken)).saturating_add(u64::from(ended));
            self.add(&mut line, bytes, taken, offset);
        }
        if line.is_empty() && !ended {
            return None;
        }
        self.number = self.number.saturating_add(1);
        Some((self.number, offset, line))
    }

    /// Adds bytes to a line, up to the greatest length.
    fn add(&self, line: &mut Cow<'c, [u8]>, bytes: Cow<'c, [u8]>, len: usize, offset: u64) {
        let room = usize_of(self.log.longest).saturating_sub(line.len());
        if len > room {
            let longest = self.log.longest;
            self.log.warnings.push(&Limits::LINE_BYTES, self.log.place(offset), || {
                format!("a line longer than {longest} bytes was cut")
            });
        }
        let len = len.min(room);
        match bytes {
            Cow::Borrowed(bytes) if line.is_empty() => *line = Cow::Borrowed(bytes.get(..len).unwrap_or_default()),
            bytes if len > 0 => line.to_mut().extend_from_slice(bytes.get(..len).unwrap_or_default()),
            _ => {}
        }
    }
}

/// A line of CRIU's log: `(SS.UUUUUU) TEXT`. From 100 seconds on, the closing bracket replaces the last digit. Warnings
/// and errors name the source line that wrote them: `Error (criu/util.c:1533): TEXT`. Lines from CRIU's parasite in the
/// dumped process have no time.
fn of_criu(line: &[u8]) -> LogLine {
    let timed = line.strip_prefix(b"(").and_then(|rest| {
        let (time, rest) = rest.split_once_str(")")?;
        Some((microseconds(time)?, rest.strip_prefix(b" ").unwrap_or(rest)))
    });
    let (elapsed, text) = timed.map_or((None, line), |(elapsed, text)| (Some(elapsed), text));
    let marked = [("error", &b"Error"[..]), ("warning", b"Warn")].iter().find_map(|(level, mark)| {
        let rest = text.strip_prefix(*mark)?.trim_start_with(|c| c == ' ').strip_prefix(b"(")?;
        let (place, text) = rest.split_once_str("): ")?;
        let (file, line) = place.rsplit_once_str(":")?;
        Some((*level, BString::from(file), line.to_str().ok()?.parse().ok()?, text))
    });
    match marked {
        Some((level, file, number, text)) => LogLine {
            elapsed,
            level: Some(level),
            written_by: Some((file, number)),
            text: text.into(),
            ..LogLine::default()
        },
        None => LogLine { elapsed, text: text.into(), ..LogLine::default() },
    }
}

/// Converts seconds with up to six fractional digits to microseconds.
fn microseconds(time: &[u8]) -> Option<u64> {
    let (seconds, fraction) = time.split_once_str(".")?;
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit).then(|| text.to_str().ok()?.parse::<u64>().ok())?;
    let missing = 6_usize.checked_sub(fraction.len())?;
    let scale = 10_u64.checked_pow(u32::try_from(missing).ok()?)?;
    digits(seconds)?.checked_mul(1_000_000)?.checked_add(digits(fraction)?.checked_mul(scale)?)
}

/// A line of the container's log: `TIME STREAM TAG TEXT` (the CRI format and Podman's `k8s-file`), or an object of
/// Docker's `json-file`. Any other line is kept as it is.
fn of_container(line: &[u8]) -> LogLine {
    of_cri(line).or_else(|| of_docker(line)).unwrap_or_else(|| LogLine { text: line.into(), ..LogLine::default() })
}

fn of_cri(line: &[u8]) -> Option<LogLine> {
    let mut parts = line.splitn_str(4, " ");
    let (time, stream, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let time: Timestamp = time.to_str().ok()?.parse().ok()?;
    let text = parts.next().unwrap_or_default();
    let tag = Some(tag.into());
    Some(LogLine { time: Some(time), stream: Some(stream_of(stream)?), tag, text: text.into(), ..LogLine::default() })
}

fn of_docker(line: &[u8]) -> Option<LogLine> {
    if !line.starts_with(b"{") {
        return None;
    }
    let object: Value = serde_json::from_slice(line).ok()?;
    let text = object.get("log")?.as_str()?;
    let (text, tag) = text.strip_suffix('\n').map_or((text, "P"), |text| (text, "F"));
    Some(LogLine {
        time: text_of(&object, "time").and_then(|time| time.parse().ok()),
        stream: text_of(&object, "stream").and_then(|stream| stream_of(stream.as_bytes())),
        tag: Some(tag.into()),
        text: text.into(),
        ..LogLine::default()
    })
}

fn stream_of(name: &[u8]) -> Option<&'static str> {
    ["stdout", "stderr"].into_iter().find(|stream| BStr::new(name) == *stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_criu() {
        let line = of_criu(b"(00.000034) Version: 4.1.1 (gitid 0)");
        assert_eq!((line.elapsed, line.text), (Some(34), "Version: 4.1.1 (gitid 0)".into()));
        let line = of_criu(b"(123.45678) Dumping");
        assert_eq!((line.elapsed, line.text), (Some(123_456_780), "Dumping".into()), "from 100 s on a digit is lost");
        let line = of_criu(b"(00.000745) Error (criu/util.c:1533): rlimit: Can't setup");
        assert_eq!((line.level, line.written_by), (Some("error"), Some(("criu/util.c".into(), 1533))));
        assert_eq!(line.text, "rlimit: Can't setup");
        let line = of_criu(b"(00.008017) Warn  (compel/arch/x86/src/lib/infect.c:418): Will restore");
        assert_eq!((line.level, line.text), (Some("warning"), "Will restore".into()));
        for plain in ["pie: 1: Running daemon", "", "(", "()", "(x.y) z", "(1.1234567) z", "(99999999999999999999.1) z"]
        {
            let line = of_criu(plain.as_bytes());
            assert_eq!((line.elapsed, line.level, line.text), (None, None, plain.into()));
        }
        assert_eq!(of_criu(b"(1.5) Error: no place").level, None);
    }

    #[test]
    fn lines_of_containers() {
        let line = of_container(b"2026-11-23T11:47:13.718856319+01:00 stderr P a b\xff");
        assert_eq!(line.time.unwrap().to_string(), "2026-11-23T10:47:13.718856319Z");
        assert_eq!(
            (line.stream, line.tag, line.text),
            (Some("stderr"), Some("P".into()), b"a b\xff".as_slice().into())
        );
        assert_eq!(of_container(b"2026-11-23T11:47:13Z stdout F ").text, "");
        let line = of_container(br#"{"log":"a\u0000b\n","stream":"stdout","time":"2026-01-02T03:04:05.5Z"}"#);
        assert_eq!((line.stream, line.tag, line.text), (Some("stdout"), Some("F".into()), "a\0b".into()));
        assert_eq!(line.time.unwrap().to_string(), "2026-01-02T03:04:05.5Z");
        assert_eq!(of_container(br#"{"log":"piece","stream":"stdin"}"#).tag.unwrap(), "P");
        for plain in ["", "no time", "2026-11-23T11:47:13Z stdin F x", "2026-13-99T99 stdout F x", "{\"log\":1}", "{"] {
            let line = of_container(plain.as_bytes());
            assert_eq!(line, LogLine { text: plain.into(), ..LogLine::default() });
        }
    }
}
