//! PROC-017: a program that mines a currency.

use bstr::{BString, ByteSlice};

use super::super::card::rule;
use super::super::facts::{Direction, ProcessFacts, destination, is_connection, remote};
use super::super::hits::Pattern;
use super::super::vocabulary::{has_name, is_public};
use super::super::words::{listed, shown};
use super::super::{Confidence, Evidence, Facts, Finding, Link, Next, Report, Severity, Subject};
use super::common::{program, row_of, socket_row};

rule! {
    /// A process that mines. Four kinds of facts are counted: words of its arguments (`stratum+tcp://`, `--donate-level`, a
    /// pool with a wallet), the settings of a miner in its memory, memory of the shape that `RandomX` needs, and the name of a
    /// known miner together with a program that was put there later or a connection to the internet.
    ///
    /// One kind alone is low. Two are high, three critical. A single word that nodes and pools of a currency have as well
    /// (`ethash`, `kawpow`, `--coin=`) does not count for a program of the image.
    "PROC-017", miner_command_line, version 2, Process, Stable, High,
    title: "A process mines cryptocurrency",
    why: "Mining is what most intruders in containers are after; it also shows that they can run programs.",
    benign: [
        "The image is made for mining or for a benchmark of it.",
        "A list of names in a product that blocks miners: then there is neither a pool in the arguments nor memory of that shape."
    ],
    attack: ["T1496.001"],
    cost: Memory,
    tags: ["miner"],
    patterns: [STRATUM, STRATUM_TLS, DONATE],
    basis: Connection,
    check: check,
}

const STRATUM: Pattern = Pattern::text("stratum+tcp://");
const STRATUM_TLS: Pattern = Pattern::text("stratum+ssl://");
const DONATE: Pattern = Pattern::text("\"donate-level\"");

/// Words of miners' arguments.
const WORDS: [&str; 14] = [
    "stratum+tcp://",
    "stratum+ssl://",
    "stratum2+tcp://",
    "stratum+tls://",
    "stratum://",
    "--donate-level",
    "--cpu-max-threads-hint",
    "--randomx-",
    "--nicehash",
    "--coin=",
    "--rig-id",
    "kawpow",
    "--algo=rx",
    "ethash",
];

/// Those of them that other programs of the same currencies have, too: nodes, and the software of pools.
const SHARED: [&str; 3] = ["--coin=", "kawpow", "ethash"];

/// Names of miners.
const NAMES: [&str; 20] = [
    "xmrig",
    "xmr-stak",
    "minerd",
    "cpuminer",
    "ccminer",
    "nbminer",
    "t-rex",
    "lolMiner",
    "kdevtmpfsi",
    "kinsing",
    "ethminer",
    "phoenixminer",
    "teamredminer",
    "srbminer",
    "srbminer-multi",
    "xmrigDaemon",
    "xmrigMiner",
    "bfgminer",
    "cgminer",
    "c3pool",
];

fn check(facts: &Facts<'_>, report: &mut Report<'_>) {
    for process in facts.living() {
        if !report.look() {
            return;
        }
        if process.row.argv.is_none() {
            report.not_checked("the arguments of a process are in memory that is not in the archive");
        }
        let case = Case::of(facts, process);
        let Some(severity) = case.severity() else { continue };
        let mut why = Vec::new();
        if !case.words.is_empty() {
            why.push(format!("has {} in its arguments", listed(&case.words)));
        }
        if case.is_named {
            why.push("has the name of a miner".to_owned());
        }
        if case.memory.is_some() {
            why.push("has the settings of a miner in its memory".to_owned());
        }
        if case.shape {
            why.push("has memory of the size and kind that RandomX needs".to_owned());
        }
        if let Some(socket) = case.socket {
            why.push(format!("is connected to {}", destination(socket)));
        }
        if case.is_new {
            why.push(format!("runs a program that is not of the image, {}", shown(&program(process))));
        }
        let next = case.memory.map_or(Next::rows_of("process_open_sockets", process.pid()), |address| Next::Memory {
            pid: process.pid(),
            start: address & !0xff,
            end: (address & !0xff).saturating_add(1024),
        });
        let mut finding = Finding::new(&RULE, Subject::Process(process.pid()))
            .severity(severity)
            .confidence(if severity >= Severity::High { Confidence::High } else { Confidence::Low })
            .identity([program(process), process.name().into()])
            .sentence(format!("{} {}.", process.title(), listed(&why)))
            .next(next)
            .link(Link::Path(program(process)))
            .evidence(row_of(process));
        if let Some(address) = case.memory {
            let evidence = Evidence::memory(facts, process.pid(), address, 256);
            let text = facts.space(process.pid()).and_then(|space| space.read(address, 128).ok());
            let text: BString = text.map(|bytes| line_of(&bytes).into()).unwrap_or_default();
            finding = finding.evidence(evidence.with_text(text).with_note("settings of a miner"));
        }
        if let Some(socket) = case.socket {
            finding = finding.evidence(socket_row(socket));
            if let Some(number) = socket.socket {
                finding = finding.link(Link::Socket(number));
            }
        }
        report.add(finding);
    }
}

/// The first line of bytes.
fn line_of(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0 || byte == b'\n').next().unwrap_or_default()
}

/// What speaks for a miner.
struct Case<'f> {
    words: Vec<String>,
    is_named: bool,
    memory: Option<u64>,
    shape: bool,
    socket: Option<&'f crate::tables::OpenSocket>,
    is_new: bool,
}

impl<'f> Case<'f> {
    fn of(facts: &'f Facts<'_>, process: &ProcessFacts<'_>) -> Self {
        let words = words(process.argv());
        let first = process.argv().first().map(|first| super::super::facts::base(first).to_vec()).unwrap_or_default();
        let names = [process.program.base().as_bytes(), process.name().as_bytes(), first.as_slice()];
        let is_named = names.iter().any(|name| NAMES.iter().any(|miner| has_name(name, miner)));
        let memory = [STRATUM, STRATUM_TLS, DONATE].iter().find_map(|pattern| settings(facts, process, pattern));
        let shape = has_shape(process);
        let is_case = !words.is_empty() || is_named || memory.is_some() || shape;
        let socket = facts.sockets().of(process.pid()).find(|socket| {
            is_case
                && is_connection(socket)
                && facts.direction(socket) == Direction::Outbound
                && remote(socket).is_some_and(is_public)
        });
        let is_new = is_case && (process.is_program_suspicious() || facts.is_program_new(process));
        Case { words, is_named, memory, shape, socket, is_new }
    }

    /// How bad it is, if it is a case at all.
    fn severity(&self) -> Option<Severity> {
        let is_shared = |word: &String| SHARED.iter().any(|shared| word == shared);
        // One such word of a program of the image is as much as none.
        let is_weak = self.words.len() == 1 && self.words.iter().all(is_shared) && !self.is_new && !self.is_named;
        if is_weak && self.memory.is_none() && !self.shape {
            return Some(Severity::Low);
        }
        let strong = [!self.words.is_empty() && !is_weak, self.memory.is_some(), self.shape];
        let strong = strong.into_iter().filter(|&is| is).count();
        let more = usize::from(self.socket.is_some()).saturating_add(usize::from(self.is_new));
        Some(match (strong, self.is_named, more) {
            // Settings alone are text, as a proxy or a filter has it; large memory alone is anything.
            (0, false, _) => return None,
            (1, false, 0) if self.words.is_empty() => return None,
            (1, false, 1) if self.words.is_empty() => Severity::Low,
            (0, true, 0) | (1, false, 0) => Severity::Low,
            (0, true, 1) | (1, true, 0) => Severity::Medium,
            (0 | 1, _, _) | (_, _, 0) => Severity::High,
            _ => Severity::Critical,
        })
    }
}

/// The words of a miner in arguments.
fn words(argv: &[BString]) -> Vec<String> {
    let mut found = Vec::new();
    for argument in argv.iter().take(256) {
        for word in WORDS {
            if argument.contains_str(word) && !found.iter().any(|known| known == word) {
                found.push(word.to_owned());
            }
        }
    }
    // A pool and a wallet: `-o HOST:PORT -u WALLET`.
    let after = |option: &str| {
        let at = argv.iter().position(|argument| argument == option)?;
        argv.get(at.saturating_add(1))
    };
    let pool = after("-o").or_else(|| after("--url"));
    let wallet = after("-u").or_else(|| after("--user"));
    if let (Some(pool), Some(wallet)) = (pool, wallet)
        && is_pool(pool)
        && is_wallet(wallet)
    {
        found.push("a pool and a wallet".to_owned());
    }
    found.truncate(4);
    found
}

/// Whether a text is a host with a port.
fn is_pool(text: &[u8]) -> bool {
    text.rsplit_once_str(":").is_some_and(|(host, port)| {
        host.contains(&b'.') && !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
    })
}

/// Whether a text has the form of a wallet of Monero, Bitcoin or Ethereum.
pub(super) fn is_wallet(text: &[u8]) -> bool {
    let wallet = text.split(|byte| matches!(byte, b'.' | b'+' | b'/')).next().unwrap_or(text);
    let is_base58 = |byte: &u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l');
    let monero =
        matches!(wallet.first(), Some(b'4' | b'8')) && matches!(wallet.len(), 95 | 106) && wallet.iter().all(is_base58);
    let bitcoin =
        wallet.starts_with(b"bc1") && (42..=62).contains(&wallet.len()) && wallet.iter().all(u8::is_ascii_alphanumeric);
    let ethereum =
        wallet.strip_prefix(b"0x").is_some_and(|hex| hex.len() == 40 && hex.iter().all(u8::is_ascii_hexdigit));
    monero || bitcoin || ethereum
}

/// Names of a miner's settings.
const NEIGHBOURS: [&str; 12] = [
    "\"algo\"",
    "\"pools\"",
    "\"user\"",
    "\"pass\"",
    "\"rig-id\"",
    "\"randomx\"",
    "\"coin\"",
    "\"cpu\"",
    "\"keepalive\"",
    "\"nicehash\"",
    "\"wallet\"",
    "\"url\"",
];
/// Bytes around a hit in which others must be.
const NEAR: u64 = 1024;

/// Where a pattern is in the memory of a process that it works with: not its arguments, nor a buffer that may hold anything
/// that it was sent, which a wallet or an algorithm near it tells apart.
fn settings(facts: &Facts<'_>, process: &ProcessFacts<'_>, pattern: &Pattern) -> Option<u64> {
    let mm = process.task.mm.as_ref()?;
    let space = facts.space(process.pid())?;
    let hits = facts.hits().within(pattern, process.pid()).take(16);
    for hit in hits {
        let Some(mapping) = mm.vma_at(hit.address) else { continue };
        if mm.is_stack(mapping) {
            continue;
        }
        let start = hit.address.saturating_sub(NEAR).max(mapping.start.0);
        let end = hit.address.saturating_add(NEAR).min(mapping.end.0);
        let Ok(bytes) = space.read(start, end.saturating_sub(start)) else { continue };
        if NEIGHBOURS.iter().filter(|word| bytes.contains_str(word)).count() >= 2 {
            return Some(hit.address);
        }
    }
    None
}

/// Whether a process has memory as `RandomX` needs it. Heaps of virtual machines have such sizes, too.
fn has_shape(process: &ProcessFacts<'_>) -> bool {
    let anonymous = || process.task.mm.iter().flat_map(|mm| &mm.vmas).filter(|mapping| mapping.is_anonymous());
    let code = anonymous().any(|mapping| mapping.prot & 4 != 0 && mapping.len() >= 64 << 10);
    let is_machine = process.is_interpreter() || process.program.base() == "dotnet";
    // What is only reserved is not worked with.
    let writable = || anonymous().filter(|mapping| mapping.prot & 7 == 3).map(crate::model::vma::Vma::len);
    code && !is_machine && is_of_random_x(writable)
}

/// Whether there is a data set of 2,080 MiB, or a cache of 256 MiB and scratchpads of 2 MiB, among the lengths of anonymous
/// memory. The kernel makes neighbours with the same rights one mapping, so they may be parts of longer ones: the data set lies
/// beside the cache and the scratchpads of all threads.
fn is_of_random_x<I: Iterator<Item = u64>>(lengths: impl Fn() -> I) -> bool {
    const MIB: u64 = 1 << 20;
    // What allocators put before and behind.
    const SLACK: u64 = MIB / 8;
    const CACHE: u64 = 256 * MIB;
    const DATA_SET: u64 = 2080 * MIB;
    const PAD: u64 = 2 * MIB;
    // Of 128 threads.
    const PADS: u64 = 128 * PAD;
    let data_set = lengths().any(|len| (DATA_SET..=DATA_SET + CACHE + PADS).contains(&len));
    let pads = |len: u64| if len % PAD < SLACK && len <= PADS + SLACK { len / PAD } else { 0 };
    let cache = lengths().position(|len| (CACHE..CACHE + SLACK).contains(&len));
    let beside = || lengths().enumerate().filter(|(place, _)| Some(*place) != cache).map(|(_, len)| pads(len));
    let joined = || lengths().any(|len| len.checked_sub(CACHE).is_some_and(|rest| pads(rest) >= 2));
    data_set || cache.is_some() && beside().fold(0, u64::saturating_add) >= 2 || joined()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        words(&line.split(' ').map(BString::from).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_of_miners_are_known() {
        let wallet = format!("4{}", "A".repeat(94));
        assert_eq!(of("./a --donate-level 1 -o stratum+tcp://p:1 -u w"), ["--donate-level", "stratum+tcp://"]);
        assert_eq!(of(&format!("./a -o pool.example.org:3333 -u {wallet}")), ["a pool and a wallet"]);
        assert!(
            of("ssh -o a.b:22 -u me").is_empty()
                && of("mysql -u root -o x.y:3306").is_empty()
                && of("nginx").is_empty()
        );
    }

    #[test]
    fn memory_of_random_x_is_known_where_the_kernel_joined_it() {
        const MIB: u64 = 1 << 20;
        let is = |lengths: &[u64]| is_of_random_x(|| lengths.iter().map(|mib| mib * MIB + 4096));
        for lengths in [&[2080][..], &[2080 + 256], &[2080 + 256 + 16], &[256, 2, 2], &[8, 256], &[256 + 8]] {
            assert!(is(lengths), "{lengths:?}");
        }
        for lengths in [&[2048][..], &[4096], &[256], &[256, 2], &[256, 3, 3], &[256 + 7], &[2, 2, 2], &[1024], &[]] {
            assert!(!is(lengths), "{lengths:?}");
        }
    }

    #[test]
    fn one_fact_alone_is_low_and_more_are_worse() {
        let none =
            || Case { words: Vec::new(), is_named: false, memory: None, shape: false, socket: None, is_new: false };
        assert_eq!(none().severity(), None);
        assert_eq!(Case { is_new: true, ..none() }.severity(), None);
        assert_eq!(Case { memory: Some(1), ..none() }.severity(), None);
        assert_eq!(Case { is_named: true, ..none() }.severity(), Some(Severity::Low));
        assert_eq!(Case { words: vec!["x".into()], ..none() }.severity(), Some(Severity::Low));
        assert_eq!(Case { words: vec!["x".into()], is_new: true, ..none() }.severity(), Some(Severity::High));
        let shared = || Case { words: vec!["ethash".into()], ..none() };
        assert_eq!(Case { is_new: true, ..shared() }.severity(), Some(Severity::High));
        assert_eq!(shared().severity(), Some(Severity::Low));
        assert_eq!(Case { is_named: true, ..shared() }.severity(), Some(Severity::Medium));
        assert_eq!(
            Case { words: vec!["x".into()], memory: Some(1), is_new: true, ..none() }.severity(),
            Some(Severity::Critical)
        );
    }
}
