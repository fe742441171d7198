//! Tables in CSV. Columns are known by the names in the header or, without one, by what is in them.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use csv::{ByteRecord, Position, ReaderBuilder, StringRecord};

use super::super::guess::guess;
use super::super::index::{About, More, Test};
use super::super::refang::refang;
use super::super::value::{Kind, Value};
use super::plain::cut;
use super::{Loader, misp};

/// Names of columns, by what they hold.
const VALUE: [&str; 11] = [
    "indicator",
    "value",
    "ioc",
    "ioc_value",
    "observable",
    "attribute_value",
    "indicator_value",
    "indicators",
    "iocs",
    "artifact",
    "data",
];
const TYPE: [&str; 7] = ["type", "ioc_type", "indicator_type", "kind", "attribute_type", "observable_type", "itype"];
const PORT: [&str; 4] = ["port", "dst_port", "dest_port", "remote_port"];
const DESCRIPTION: [&str; 10] = [
    "description",
    "comment",
    "malware_printable",
    "malware",
    "threat",
    "threat_type",
    "info",
    "note",
    "notes",
    "signature",
];
const ID: [&str; 5] = ["id", "uuid", "ioc_id", "attribute_uuid", "indicator_id"];
const LEVEL: [&str; 4] = ["confidence", "confidence_level", "severity", "level"];
const TAGS: [&str; 4] = ["tags", "labels", "tag", "attribute_tag"];
const TO_IDS: [&str; 1] = ["to_ids"];
/// Columns whose name says the kind.
const KINDS: [(&str, Kind); 28] = [
    ("ip", Kind::Address),
    ("ipv4", Kind::Address),
    ("ipv6", Kind::Address),
    ("ip_address", Kind::Address),
    ("ipaddress", Kind::Address),
    ("address", Kind::Address),
    ("dst_ip", Kind::Address),
    ("src_ip", Kind::Address),
    ("dest_ip", Kind::Address),
    ("remote_address", Kind::Address),
    ("network", Kind::Network),
    ("cidr", Kind::Network),
    ("domain", Kind::Domain),
    ("hostname", Kind::Domain),
    ("host", Kind::Domain),
    ("fqdn", Kind::Domain),
    ("url", Kind::Url),
    ("md5", Kind::Md5),
    ("md5_hash", Kind::Md5),
    ("sha1", Kind::Sha1),
    ("sha1_hash", Kind::Sha1),
    ("sha256", Kind::Sha256),
    ("sha256_hash", Kind::Sha256),
    ("tlsh", Kind::Tlsh),
    ("path", Kind::Path),
    ("filename", Kind::Name),
    ("file_name", Kind::Name),
    ("command_line", Kind::Command),
];
/// Records without a header by which the columns are found.
const FIELDS: usize = 256;

/// Whether text looks like CSV.
pub(super) fn is_csv(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let Some(first) = lines.next() else { return false };
    let Some(by) = separator(first) else { return false };
    let names: Vec<String> = first.split(by).map(named).collect();
    if Columns::of(&names).is_some() {
        return true;
    }
    // One line may have any sign in it. Signs that separate cells are in every line.
    let others: Vec<&str> = lines.take(3).collect();
    let is_table = !others.is_empty() && others.iter().all(|line| line.contains(by));
    is_table && !is_one(first) && first.split(by).any(is_clear)
}

/// Whether a line is one indicator with a sign in it that could separate cells, such as `203.0.113.7|4444`. A URL may go on
/// behind any sign, so it says nothing.
fn is_one(line: &str) -> bool {
    is_clear(line) && guess(line.trim()).is_ok_and(|values| values.iter().all(|value| value.kind != Kind::Url))
}

/// Whether a cell is clearly an indicator.
fn is_clear(cell: &str) -> bool {
    guess(cell.trim().trim_matches('"')).is_ok_and(|values| {
        !values.is_empty()
            && values.iter().all(|value| {
                !matches!(value.kind, Kind::Name | Kind::Text | Kind::Socket | Kind::Path | Kind::Directory)
            })
    })
}

fn separator(line: &str) -> Option<char> {
    let count = |by: char| line.matches(by).count();
    [',', ';', '\t', '|'].into_iter().filter(|by| count(*by) > 0).max_by_key(|by| count(*by))
}

fn named(cell: &str) -> String {
    let cell = cell.trim().trim_start_matches(['#', '\u{feff}']).trim().trim_matches('"').to_ascii_lowercase();
    cell.replace([' ', '-'], "_")
}

#[derive(Debug, Default)]
struct Columns {
    value: Option<usize>,
    r#type: Option<usize>,
    port: Option<usize>,
    description: Option<usize>,
    id: Option<usize>,
    level: Option<usize>,
    tags: Option<usize>,
    to_ids: Option<usize>,
    kinds: Vec<(usize, Kind)>,
}

impl Columns {
    /// The columns of a header. `None` if it has none that holds indicators.
    fn of(names: &[String]) -> Option<Self> {
        let place = |wanted: &[&str]| wanted.iter().find_map(|name| names.iter().position(|own| own == name));
        let kinds = names
            .iter()
            .enumerate()
            .filter_map(|(at, name)| KINDS.iter().find(|(known, _)| known == name).map(|(_, kind)| (at, *kind)));
        let columns = Columns {
            value: place(&VALUE),
            r#type: place(&TYPE),
            port: place(&PORT),
            description: place(&DESCRIPTION),
            id: place(&ID),
            level: place(&LEVEL),
            tags: place(&TAGS),
            to_ids: place(&TO_IDS),
            kinds: kinds.collect(),
        };
        (columns.value.is_some() || !columns.kinds.is_empty()).then_some(columns)
    }
}

/// Reads a list.
pub(super) fn read(loader: &mut Loader, mut reader: impl BufRead) -> Result<&'static str, String> {
    // Comments at the beginning; some feeds have the header in the last one.
    let mut header: Option<(Vec<String>, u8)> = None;
    let mut before: u64 = 0;
    let mut first = String::new();
    loop {
        first.clear();
        let mut bytes = Vec::new();
        let read = (&mut reader).take(1 << 20).read_until(b'\n', &mut bytes);
        let read = read.map_err(|error| format!("line {}: {error}", before.saturating_add(1)))?;
        if read == 0 {
            return Ok("csv");
        }
        let line = String::from_utf8_lossy(&bytes).into_owned();
        let by = separator(&line);
        if line.starts_with('#') {
            let names: Vec<String> = by.map_or_else(Vec::new, |by| line.trim_end().split(by).map(named).collect());
            if let Some(by) = by.filter(|_| Columns::of(&names).is_some()) {
                header = Some((names, byte_of(by)));
            }
        } else if !line.trim().is_empty() {
            first.push_str(&line);
            let names: Vec<String> =
                by.map_or_else(|| vec![named(line.trim_end())], |by| line.trim_end().split(by).map(named).collect());
            if Columns::of(&names).is_some() && !line.split(by.unwrap_or(',')).any(is_clear) {
                header = Some((names, byte_of(by.unwrap_or(','))));
                first.clear();
            }
            before = before.saturating_add(1);
            break;
        }
        before = before.saturating_add(1);
    }
    let by = header
        .as_ref()
        .map_or_else(|| byte_of(separator(&first).filter(|_| !is_one(&first)).unwrap_or(',')), |(_, by)| *by);
    let columns = header.and_then(|(names, _)| Columns::of(&names)).unwrap_or_default();
    let offset = if first.is_empty() { before } else { before.saturating_sub(1) };
    let since = Rc::new(Cell::new(0));
    let cells = Cells::new(io::Cursor::new(first.into_bytes()).chain(reader), by);
    let body = Rows { inner: cells, since: Rc::clone(&since) };
    let mut table =
        ReaderBuilder::new().has_headers(false).flexible(true).comment(Some(b'#')).delimiter(by).from_reader(body);
    let mut record = ByteRecord::new();
    loop {
        let line = table.position().line();
        match table.read_byte_record(&mut record) {
            Ok(false) => return Ok("csv"),
            Ok(true) => {
                since.set(0);
                let line = record.position().map_or(line, Position::line).saturating_add(offset);
                let record = StringRecord::from_byte_record_lossy(record.clone());
                add(loader, &columns, &record, u32::try_from(line).unwrap_or(u32::MAX));
            }
            Err(error) => return Err(format!("line {}: {error}", line.saturating_add(offset))),
        }
        if loader.is_full {
            return Ok("csv");
        }
    }
}

fn byte_of(by: char) -> u8 {
    u8::try_from(by).unwrap_or(b',')
}

fn add(loader: &mut Loader, columns: &Columns, record: &StringRecord, line: u32) {
    let place = || format!("line {line}");
    let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).map(str::trim).filter(|text| !text.is_empty());
    if cell(columns.to_ids).is_some_and(|text| matches!(text, "0" | "false" | "False")) && !loader.all {
        loader.not_used("it is not marked for detection (to_ids); --ioc-all uses it", place);
        return;
    }
    let mut values: Vec<Value> = Vec::new();
    let mut why = None;
    let mut keep = |found: Result<Vec<Value>, &'static str>| match found {
        Ok(all) => values.extend(all),
        Err(reason) => why = Some(reason),
    };
    if let Some(value) = columns.value.and_then(|at| record.get(at)).filter(|text| !text.trim().is_empty()) {
        keep(typed(cell(columns.r#type), value));
    } else if columns.kinds.is_empty() {
        let clear = record.iter().take(FIELDS).find(|cell| is_clear(cell));
        let single = || record.get(0).filter(|_| record.len() == 1);
        keep(clear.or_else(single).map_or(Err("no cell is an indicator"), guess));
    } else {
        for (at, kind) in &columns.kinds {
            if let Some(text) = cell(Some(*at)) {
                keep(of_kind(*kind, text));
            }
        }
    }
    if let Some(why) = why.or_else(|| values.is_empty().then_some("the row has no indicator")) {
        loader.not_used(why, place);
    }
    // The hash tells the file; its name may be that of any.
    let is_hashed = values.iter().any(|value| value.kind.is_hash());
    if is_hashed && values.iter().any(|value| matches!(value.kind, Kind::Name | Kind::Path)) {
        values.retain(|value| !matches!(value.kind, Kind::Name | Kind::Path));
        loader.not_used("the name of a file whose hash is given", place);
    }
    if values.is_empty() {
        return;
    }
    if let Some(port) = cell(columns.port).and_then(|text| text.parse::<u16>().ok()).filter(|&port| port != 0) {
        for value in values.iter_mut().filter(|value| matches!(value.kind, Kind::Address | Kind::Domain)) {
            value.port = value.port.or(Some(port));
        }
    }
    let tags =
        cell(columns.tags).map_or_else(Vec::new, |text| text.split(',').map(|tag| tag.trim().to_owned()).collect());
    let more = More {
        id: cell(columns.id).map(cut),
        description: cell(columns.description).map(cut),
        level: cell(columns.level).map(cut),
        labels: tags,
        ..More::default()
    };
    let more = (more != More::default()).then(|| Box::new(more));
    let about = About { list: loader.list(), line: Some(line), more };
    let alternatives: Vec<_> = values.into_iter().map(|value| vec![vec![Test::Is(value)]]).collect();
    loader.indicator(about, &alternatives, place);
}

/// A value whose column says its type.
fn typed(kind: Option<&str>, text: &str) -> Result<Vec<Value>, &'static str> {
    let Some(name) = kind else { return guess(text) };
    let name = name.to_ascii_lowercase().replace(['-', ' '], "_");
    if let Some(kind) = Kind::find(&name) {
        return of_kind(kind, text);
    }
    let kind = match name.as_str() {
        "ip" | "ipv4" | "ipv6" | "ip:port" | "ip_port" | "ip_src" | "ip_dst" | "ipv4_addr" | "ipv6_addr"
        | "ipv4_addr:value" | "ipv6_addr:value" => Kind::Address,
        "cidr" | "netblock" | "subnet" => Kind::Network,
        "hostname" | "fqdn" | "host" | "domain_name" | "domain_name:value" => Kind::Domain,
        "uri" | "link" | "url:value" => Kind::Url,
        "md5_hash" | "filehash_md5" | "hash_md5" | "file:hashes.md5" => Kind::Md5,
        "sha1_hash" | "filehash_sha1" | "hash_sha1" | "sha_1" => Kind::Sha1,
        "sha256_hash" | "filehash_sha256" | "hash_sha256" | "sha_256" => Kind::Sha256,
        "filename" | "file_name" | "file:name" => Kind::Name,
        "filepath" | "file_path" | "directory:path" => Kind::Path,
        "process_name" => Kind::Process,
        "cmdline" | "command_line" | "process:command_line" => Kind::Command,
        "mutex" => Kind::Socket,
        "email" | "user_agent" | "useragent" | "btc" | "xmr" | "wallet" => Kind::Text,
        "yara" | "sigma" | "cve" | "vulnerability" | "registry" | "regkey" | "ja3" | "ssdeep" | "imphash"
        | "sha512" => {
            return Err("indicators of this type are not compared");
        }
        _ => match misp::values(&name.replace('_', "-"), text) {
            Ok(parts) => {
                let mut all: Vec<Value> = parts
                    .into_iter()
                    .flatten()
                    .filter_map(|test| match test {
                        Test::Is(value) => Some(value),
                        Test::Matches(..) => None,
                    })
                    .collect();
                all.truncate(1);
                return if all.is_empty() { guess(text) } else { Ok(all) };
            }
            Err(_) => return guess(text),
        },
    };
    of_kind(kind, text)
}

fn of_kind(kind: Kind, text: &str) -> Result<Vec<Value>, &'static str> {
    let is_text = matches!(
        kind,
        Kind::Command | Kind::Text | Kind::Path | Kind::Directory | Kind::Name | Kind::Process | Kind::Socket
    );
    if is_text {
        return Value::new(kind, text).map(|value| vec![value]);
    }
    let plain = refang(text);
    if kind == Kind::Address
        && let Some(found) = super::super::guess::address(&plain)
    {
        return found.map(|value| vec![value]);
    }
    if kind == Kind::Domain
        && let Some((host, port)) = plain.rsplit_once(':')
        && let (Ok(value), Ok(port)) = (Value::new(kind, host), port.parse())
    {
        return Ok(vec![value.at_port(port)]);
    }
    Value::new(kind, &plain).map(|value| vec![value])
}

/// Bytes of a row.
const ROW: usize = 16 << 20;

/// A reader that stops if a row does not end: a quote may be missing.
struct Rows<R> {
    inner: R,
    since: Rc<Cell<usize>>,
}

impl<R: Read> Read for Rows<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.since.set(self.since.get().saturating_add(read));
        if self.since.get() > ROW {
            return Err(io::Error::other("the row is longer than 16 MiB; a quote may be missing"));
        }
        Ok(read)
    }
}

/// A reader without the blanks before a quote that begins a cell: `"a", "b"` are two cells in quotes.
struct Cells<R> {
    inner: R,
    by: u8,
    place: InCell,
    /// Blanks at the beginning of a cell that were not given yet.
    blanks: usize,
    /// What was made of what was read, and how much of it was given.
    made: Vec<u8>,
    given: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InCell {
    Begin,
    Quoted,
    Plain,
}

impl<R: Read> Cells<R> {
    fn new(inner: R, by: u8) -> Self {
        Cells { inner, by, place: InCell::Begin, blanks: 0, made: Vec::new(), given: 0 }
    }

    fn take(&mut self, byte: u8) {
        if self.place == InCell::Begin && byte == b' ' && self.by != b' ' {
            self.blanks = self.blanks.saturating_add(1);
            return;
        }
        if byte != b'"' || self.place != InCell::Begin {
            self.made.resize(self.made.len().saturating_add(self.blanks), b' ');
        }
        self.blanks = 0;
        self.place = match (self.place, byte) {
            (InCell::Quoted, b'"') => InCell::Plain,
            (InCell::Begin, b'"') | (InCell::Quoted, _) => InCell::Quoted,
            (_, byte) if byte == b'\n' || byte == self.by => InCell::Begin,
            // Two quotes within quotes are one.
            (InCell::Plain, b'"') if self.made.last() == Some(&b'"') => InCell::Quoted,
            _ => InCell::Plain,
        };
        self.made.push(byte);
    }
}

impl<R: Read> Read for Cells<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given >= self.made.len() {
            self.made.clear();
            self.given = 0;
            let mut bytes = [0; 8 << 10];
            let read = self.inner.read(&mut bytes)?;
            for &byte in bytes.get(..read).unwrap_or_default() {
                self.take(byte);
            }
            if read == 0 {
                return Ok(0);
            }
        }
        let rest = self.made.get(self.given..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given = self.given.saturating_add(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Loader;
    use super::*;

    /// What a list says: its format, its values, and what is not used.
    fn read(name: &str, text: &str) -> (&'static str, Vec<String>, Vec<String>) {
        let mut loader = Loader::new(true);
        loader.read(Path::new(name), text.as_bytes()).unwrap();
        let lists = loader.lists.clone();
        let index = loader.finish().index;
        let show = |entry| String::from_utf8_lossy(index.text_of(entry)).into_owned();
        let port = |port: u16| if port == 0 { String::new() } else { format!(" {port}") };
        let all = index.entries.iter().map(|entry| show(entry) + &port(entry.port)).collect();
        (lists[0].format, all, lists[0].not_used.keys().cloned().collect())
    }

    #[test]
    fn blanks_before_quotes_do_not_matter() {
        let hash = "3efe3aa28687a245c22e76012b9cd433539ee8a410157cd8e65d69ff9c9c4958";
        let text = format!(
            "# \"first_seen_utc\",\"sha256_hash\",\"file_name\",\"signature\"\n\
             \"2026-01-01 00:00:00\", \"{hash}\", \"run.sh, and more\", \"Mirai, \"\"a\"\"\"\n\
             \"2026-01-01 00:00:00\", \"n/a\", \"alone.so\", \"x\"\n"
        );
        let (format, values, not_used) = read("x.csv", &text);
        assert_eq!((format, values), ("csv", vec![hash.to_owned(), "alone.so".to_owned()]));
        assert!(not_used.contains(&"the name of a file whose hash is given".to_owned()), "{not_used:?}");
        assert!(not_used.iter().any(|why| why.contains("it is no such hash")), "{not_used:?}");
    }

    #[test]
    fn cells_are_only_freed_of_blanks_before_quotes() {
        for (text, wanted) in [
            ("\"a\",  \"b, c\", d\n  \"e\"", "\"a\",\"b, c\", d\n\"e\""),
            ("\"a \"\" , \"\"b\", \"c\"", "\"a \"\" , \"\"b\",\"c\""),
            ("5\" disk, x \"y\"", "5\" disk, x \"y\""),
        ] {
            let mut made = String::new();
            Cells::new(text.as_bytes(), b',').read_to_string(&mut made).unwrap();
            assert_eq!(made, wanted);
        }
    }

    #[test]
    fn an_address_and_its_port_are_one_value() {
        let text = "203.0.113.7|4444\n203.0.113.8|80\n";
        for name in ["x.txt", "x.csv"] {
            assert_eq!(read(name, text).1, ["203.0.113.7 4444", "203.0.113.8 80"], "{name}");
        }
        assert_eq!(read("x.txt", "http://evil.com/a,b\n"), ("text", vec!["http://evil.com/a,b".to_owned()], vec![]));
        let table = "http://evil.com/a,2026\nhttp://evil.com/b,2026\n";
        assert_eq!(read("x.txt", table).1, ["http://evil.com/a", "http://evil.com/b"]);
    }
}
