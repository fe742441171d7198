//! Logs that lie beside the images: what CRIU wrote while it dumped, and what the container wrote to its standard output and
//! error, as the engine kept it.

use std::borrow::Cow;

use bstr::{BStr, BString, ByteSlice};
use jiff::Timestamp;
use serde_json::Value;

use super::Side;
use super::side::text_of;
use crate::archive::{Absence, Contents, Member, MemberKind, Piece};
use crate::int::{u64_of, usize_of};
use crate::limits::Limits;
use crate::warning::{Code, Place, Warnings};

/// Logs of CRIU: of a dump, of a pre-dump, and left over from a restore.
pub(super) const OF_CRIU: [&str; 4] = ["dump.log", "criu-dump.log", "pre-dump.log", "restore.log"];
/// Logs of the container: Podman's (`k8s-file` and `json-file` write the same), containerd's, CRI-O's (the file is named as
/// the annotation is that has its path).
pub(super) const OF_CONTAINER: [&str; 3] = ["ctr.log", "container.log", "io.kubernetes.cri-o.LogPath"];
/// How the name of Docker's log ends.
const OF_DOCKER: &[u8] = b"-json.log";

/// Whose log it is.
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
    /// Whose it is.
    pub source: LogSource,
    /// The member that it is.
    pub member: &'c Member,
    contents: Contents<'c>,
    longest: u64,
    most: u64,
    warnings: &'c Warnings,
}

/// A line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLine {
    /// Its number, from 1.
    pub number: u64,
    /// Where it begins in the log.
    pub offset: u64,
    /// When it was written.
    pub time: Option<Timestamp>,
    /// Microseconds since CRIU was started.
    pub elapsed: Option<u64>,
    /// `error` or `warning`, where CRIU says so.
    pub level: Option<&'static str>,
    /// The file of CRIU's source, and the line in it, that wrote a warning or an error.
    pub written_by: Option<(BString, u64)>,
    /// `stdout` or `stderr`.
    pub stream: Option<&'static str>,
    /// `F` of a whole line, `P` of a piece that the next of its stream continues.
    pub tag: Option<BString>,
    /// What was written, without its newline.
    pub text: BString,
}

/// The logs of a dump.
pub(crate) fn files<'c>(side: &Side<'c>) -> Vec<LogFile<'c>> {
    let of_criu = OF_CRIU.iter().filter_map(|name| Some((LogSource::Criu, side.work_file(name)?)));
    let of_container = OF_CONTAINER.iter().filter_map(|name| Some((LogSource::Container, side.file(name)?)));
    let of_docker = side.files_in("").filter(|member| member.file_name().ends_with(OF_DOCKER));
    let all = of_criu.chain(of_container).chain(of_docker.map(|member| (LogSource::Container, member)));
    all.filter_map(|(source, member)| {
        let file = side.archive().resolve(member).ok().filter(|file| file.kind == MemberKind::File)?;
        let (longest, most) = (side.limits.line_bytes, side.limits.lines);
        Some(LogFile {
            source,
            member,
            contents: side.archive().contents(file),
            longest,
            most,
            warnings: side.warnings,
        })
    })
    .collect()
}

impl<'c> LogFile<'c> {
    /// Its bytes.
    pub fn contents(&self) -> Contents<'c> {
        self.contents
    }

    /// Its lines, up to the first byte that is not here.
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

/// Takes contents apart at newlines.
struct RawLines<'c> {
    log: LogFile<'c>,
    at: u64,
    number: u64,
}

impl<'c> RawLines<'c> {
    /// The next line: its number, where it begins, its bytes.
    fn next_line(&mut self) -> Option<(u64, u64, Cow<'c, [u8]>)> {
        let offset = self.at;
        if offset >= self.log.contents.len() {
            return None;
        }
        if self.number >= self.log.most {
            let most = self.log.most;
            self.log.warnings.push(&Limits::LINES, self.log.place(offset), || {
                format!("more than {most} lines; the rest is left out")
            });
            self.at = u64::MAX;
            return None;
        }
        let mut line: Cow<'c, [u8]> = Cow::default();
        let mut ended = false;
        while !ended {
            let bytes: Cow<'c, [u8]> = match self.log.contents.piece(self.at, self.log.longest.max(1)) {
                Some(Piece::Bytes(bytes)) => Cow::Borrowed(bytes),
                // A hole in a log is zeros, of which a line shows no more than fit into it.
                Some(Piece::Hole(len)) => {
                    let room = self.log.longest.saturating_sub(u64_of(line.len())).saturating_add(1);
                    self.at = self.at.saturating_add(len.saturating_sub(room));
                    Cow::Owned(vec![0; usize_of(len.min(room))])
                }
                Some(Piece::Absent(missing, why)) => {
                    // What cannot be read is warned of by itself.
                    if why != Absence::Unreadable {
                        self.log.warnings.push(Code::MemberUnreadable, self.log.place(self.at), || {
                            format!("{missing} bytes of the log are not here; the lines before count")
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

    /// Adds bytes to a line, as far as it may be long.
    fn add(&self, line: &mut Cow<'c, [u8]>, bytes: Cow<'c, [u8]>, len: usize, offset: u64) {
        let room = usize_of(self.log.longest).saturating_sub(line.len());
        if len > room {
            let longest = self.log.longest;
            self.log.warnings.push(&Limits::LINE_BYTES, self.log.place(offset), || {
                format!("a line of more than {longest} bytes was cut")
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

/// A line of CRIU's log: `(SS.UUUUUU) TEXT`. From 100 seconds on the closing bracket stands where the last digit would be.
/// Warnings and errors say which line of the source wrote them: `Error (criu/util.c:1533): TEXT`. What its parasite in the
/// dumped process wrote has no time.
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

/// Seconds with a fraction of up to six digits, in microseconds.
fn microseconds(time: &[u8]) -> Option<u64> {
    let (seconds, fraction) = time.split_once_str(".")?;
    let digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit).then(|| text.to_str().ok()?.parse::<u64>().ok())?;
    let missing = 6_usize.checked_sub(fraction.len())?;
    let scale = 10_u64.checked_pow(u32::try_from(missing).ok()?)?;
    digits(seconds)?.checked_mul(1_000_000)?.checked_add(digits(fraction)?.checked_mul(scale)?)
}

/// A line of the container's log: `TIME STREAM TAG TEXT` (the CRI's format, Podman's `k8s-file`), or an object of Docker's
/// `json-file`. What is neither stands as it is.
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
