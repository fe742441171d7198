//! The engine: boreal. Nothing else names it, so another engine can take its place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use boreal::compiler::{CompilerBuilder, CompilerParams};
use boreal::memory::{FragmentedMemory, MemoryParams, Region, RegionDescription};
use boreal::module::Console;
use boreal::scanner::{CallbackEvents, EvaluatedRule, ScanCallbackResult, ScanError, ScanEvent, ScanParams};
use boreal::{MetadataValue, Scanner};

use super::types::{MetaValue, Outcome, RawMatch, RawString, Regions, RuleInfo, Scanned, Variables};
use crate::int::{u64_of, usize_of};

/// Bytes of a match that are kept.
const MATCH_BYTES: usize = 64;
/// Matches of one string that are counted.
const COUNTED: u32 = 1000;
/// Matches of one string that are kept.
const KEPT: usize = 16;
/// Rules that may match one process or file. A scan ends there.
const MATCHES: usize = 10_000;
/// How many regions are listed between two looks at the clock.
const BETWEEN_LOOKS: u32 = 256;

/// Compiles rules.
#[derive(Debug)]
pub(super) struct Compiler(boreal::Compiler);

/// Runs rules.
#[derive(Debug)]
pub(super) struct Engine {
    scanner: Scanner,
    /// Numbers of rules by namespace and name.
    numbers: HashMap<(String, String), usize>,
    names: Vec<String>,
}

impl Compiler {
    /// Whether this build has an engine.
    pub(super) const EXISTS: bool = true;

    /// Creates a compiler. `includes` gives the text of an include by its name.
    pub(super) fn new(mut includes: impl FnMut(&str) -> Result<String, String> + Send + Sync + 'static) -> Self {
        // Rules may print; what they print is dropped.
        let mut compiler = CompilerBuilder::new().add_module(Console::with_callback(|_| {})).build();
        compiler.set_params(CompilerParams::default().disable_unknown_escape_warning(true));
        compiler.define_symbol("pid", 0_i64);
        for (name, _) in Variables::default().texts() {
            compiler.define_symbol(name, "");
        }
        compiler.set_include_callback(move |name, _, _| includes(name).map_err(io::Error::other));
        Compiler(compiler)
    }

    /// Adds the rules of a text. If one is wrong, those before it stay.
    pub(super) fn add(&mut self, text: &str, namespace: &str) -> Result<(), String> {
        let added = catch_unwind(AssertUnwindSafe(|| self.0.add_rules_str_in_namespace(text, namespace)));
        match added {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the engine failed on it".to_owned()),
        }
    }

    /// The engine, and what is known about its rules. `None` if there are none.
    pub(super) fn finish(self) -> Option<(Engine, Vec<RuleInfo>)> {
        let scanner = self.0.finalize();
        let infos: Vec<RuleInfo> = scanner
            .rules()
            .map(|rule| RuleInfo {
                name: rule.name.to_owned(),
                namespace: rule.namespace.to_owned(),
                tags: rule.tags.iter().map(|&tag| scanner.get_string_symbol(tag).to_owned()).collect(),
                meta: rule
                    .metadatas
                    .iter()
                    .map(|meta| {
                        let value = match meta.value {
                            MetadataValue::Bytes(bytes) => MetaValue::Text(scanner.get_bytes_symbol(bytes).to_vec()),
                            MetadataValue::Integer(number) => MetaValue::Number(number),
                            MetadataValue::Boolean(on) => MetaValue::Bool(on),
                        };
                        (scanner.get_string_symbol(meta.name).to_owned(), value)
                    })
                    .collect(),
                ..RuleInfo::default()
            })
            .collect();
        let key = |info: &RuleInfo| (info.namespace.clone(), info.name.clone());
        let numbers = infos.iter().enumerate().map(|(number, info)| (key(info), number)).collect();
        let names = infos.iter().map(|info| info.name.clone()).collect();
        (!infos.is_empty()).then_some((Engine { scanner, numbers, names }, infos))
    }
}

impl Engine {
    /// Runs all rules over some bytes, for a limited time.
    pub(super) fn scan(&self, what: Scanned<'_>, variables: &Variables, time: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        // The engine is large, and the bytes are an attacker's.
        if catch_unwind(AssertUnwindSafe(|| self.scan_into(what, variables, time, &mut outcome))).is_err() {
            outcome.stopped = Some("the engine failed; please report this as a bug".to_owned());
        }
        outcome
    }

    fn scan_into(&self, what: Scanned<'_>, variables: &Variables, time: Duration, outcome: &mut Outcome) {
        let mut scanner = self.scanner.clone();
        let is_memory = matches!(what, Scanned::Memory(_));
        // Rules that do not match are told too: so it is known at which one the time ran out.
        let params = ScanParams::default()
            .compute_full_matches(true)
            .match_max_length(MATCH_BYTES)
            .string_max_nb_matches(COUNTED)
            .timeout_duration(Some(time))
            .process_memory(is_memory)
            .include_not_matched_rules(true)
            .callback_events(CallbackEvents::RULE_MATCH | CallbackEvents::RULE_NO_MATCH);
        scanner.set_scan_params(params);
        let _ = scanner.define_symbol("pid", i64::from(variables.pid));
        for (name, value) in variables.texts() {
            let _ = scanner.define_symbol(name, value);
        }
        let mut last: Option<usize> = None;
        let matches = &mut outcome.matches;
        let take = |event: ScanEvent<'_, '_>| {
            let (rule, is_match) = match event {
                ScanEvent::RuleMatch(rule) => (rule, true),
                ScanEvent::RuleNoMatch(rule) => (rule, false),
                _ => return ScanCallbackResult::Continue,
            };
            // Keys own their text, and most rules do not match: the place of the last one is known without a look-up.
            let next = last.map_or(0, |last| last.saturating_add(1));
            let is_next = self.names.get(next).is_some_and(|name| name == rule.name);
            let number = if is_next && !is_match { Some(next) } else { self.number_of(&rule) };
            last = number.or(last);
            if let Some(number) = number.filter(|_| is_match) {
                matches.push(raw(number, rule));
            }
            if matches.len() < MATCHES { ScanCallbackResult::Continue } else { ScanCallbackResult::Abort }
        };
        let begun = Instant::now();
        let done = match what {
            Scanned::Whole(bytes) => scanner.scan_mem_with_callback(bytes, take),
            Scanned::Memory(regions) => {
                scanner.scan_fragmented_with_callback(Fragments::new(regions, begun.checked_add(time)), take)
            }
        };
        let is_late = begun.elapsed() >= time;
        outcome.stopped = match done {
            Ok(()) if is_late && is_memory => Some(self.late(time, last)),
            Ok(()) => None,
            Err(ScanError::Timeout) => Some(self.late(time, last)),
            Err(ScanError::CallbackAbort) => Some(format!("more than {MATCHES} rules match")),
            Err(error) => Some(error.to_string()),
        };
    }

    fn number_of(&self, rule: &EvaluatedRule<'_>) -> Option<usize> {
        self.numbers.get(&(rule.namespace.to_owned(), rule.name.to_owned())).copied()
    }

    /// Why a scan ended, if its time is over: the rule after the last one that was decided took it.
    fn late(&self, time: Duration, last: Option<usize>) -> String {
        let seconds = time.as_secs_f64();
        match last.map(|last| self.names.get(last.saturating_add(1))) {
            None => {
                let first = self.names.first().map_or("", String::as_str);
                format!("the limit of {seconds} seconds was reached at rule {first} or in the search for strings")
            }
            Some(None) => format!("the limit of {seconds} seconds was reached at the end of the rules"),
            Some(Some(rule)) => format!("the limit of {seconds} seconds was reached at rule {rule}"),
        }
    }
}

/// A match in our own types.
fn raw(number: usize, rule: EvaluatedRule<'_>) -> RawMatch {
    let mut strings = Vec::new();
    for string in rule.matches {
        let count = u64_of(string.matches.len());
        for one in string.matches.into_iter().take(KEPT) {
            strings.push(RawString {
                id: format!("${}", string.name),
                at: u64_of(one.base).saturating_add(u64_of(one.offset)),
                length: u64_of(one.length),
                bytes: one.data.into_vec(),
                count,
            });
        }
    }
    RawMatch { rule: number, strings }
}

/// Memory as the engine reads it: regions one after another, and again from the beginning for rules that read at an
/// address.
#[derive(Debug)]
struct Fragments<'r> {
    regions: &'r dyn Regions,
    next: usize,
    /// The last region that was read.
    read: Option<(usize, Cow<'r, [u8]>)>,
    /// Rules may go through the regions a million times. After this time they are told that there are none.
    until: Option<Instant>,
    listed: u32,
}

impl<'r> Fragments<'r> {
    fn new(regions: &'r dyn Regions, until: Option<Instant>) -> Self {
        Fragments { regions, next: 0, read: None, until, listed: 0 }
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl FragmentedMemory for Fragments<'_> {
    fn next(&mut self, _: &MemoryParams) -> Option<RegionDescription> {
        self.listed = self.listed.wrapping_add(1);
        if self.listed.is_multiple_of(BETWEEN_LOOKS) && self.is_late() {
            return None;
        }
        let range = self.regions.ranges().get(self.next)?;
        self.next = self.next.saturating_add(1);
        Some(RegionDescription {
            start: usize_of(range.start),
            length: usize_of(range.end.saturating_sub(range.start)),
        })
    }

    fn fetch(&mut self, _: &MemoryParams) -> Option<Region<'_>> {
        let number = self.next.checked_sub(1)?;
        let range = self.regions.ranges().get(number)?.clone();
        if self.read.as_ref().is_none_or(|(last, _)| *last != number) {
            if self.is_late() {
                return None;
            }
            let bytes = self.regions.bytes(number)?;
            // The engine takes the length that was listed for granted.
            if u64_of(bytes.len()) != range.end.saturating_sub(range.start) {
                return None;
            }
            self.read = Some((number, bytes));
        }
        let (_, bytes) = self.read.as_ref()?;
        Some(Region { start: usize_of(range.start), mem: bytes })
    }

    fn reset(&mut self) {
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[derive(Debug)]
    struct Two(Vec<Range<u64>>);

    impl Regions for Two {
        fn ranges(&self) -> &[Range<u64>] {
            &self.0
        }

        fn bytes(&self, number: usize) -> Option<Cow<'_, [u8]>> {
            Some(Cow::Borrowed([&b"..first.."[..], b"second.."].get(number)?))
        }
    }

    fn engine(text: &str) -> Engine {
        let mut compiler = Compiler::new(|_| Err("there is none".to_owned()));
        compiler.add(text, "test").unwrap();
        compiler.finish().unwrap().0
    }

    #[test]
    fn offsets_in_memory_are_addresses() {
        let engine = engine(
            "rule both { strings: $a = \"first\" $b = \"second\" \
             condition: $b at 0x7f0000000000 and @a == 0x1002 and uint8(0x7f0000000000) == 0x73 and pid == 7 }",
        );
        let regions = Two(vec![0x1000..0x1009, 0x7f00_0000_0000..0x7f00_0000_0008]);
        let variables = Variables { pid: 7, kind: "process", ..Variables::default() };
        let outcome = engine.scan(Scanned::Memory(&regions), &variables, Duration::from_mins(1));
        assert_eq!(outcome.stopped, None);
        let [one] = outcome.matches.as_slice() else { panic!("{outcome:?}") };
        let at: Vec<_> = one.strings.iter().map(|string| (string.id.as_str(), string.at)).collect();
        assert_eq!(at, [("$a", 0x1002), ("$b", 0x7f00_0000_0000)]);
    }

    #[test]
    fn a_rule_that_takes_too_long_is_named() {
        let engine = engine(
            "rule quick { strings: $a = \"first\" condition: $a }\n\
             rule endless { condition: for all i in (1..2000000000) : (i + filesize > 0) }\n\
             rule later { condition: true }",
        );
        let outcome = engine.scan(Scanned::Whole(b"first"), &Variables::default(), Duration::from_millis(20));
        let matched: Vec<_> = outcome.matches.iter().map(|one| one.rule).collect();
        assert_eq!(matched, [0], "what matched before it stays");
        assert!(outcome.stopped.as_ref().is_some_and(|why| why.contains("at rule endless")), "{outcome:?}");
    }

    #[test]
    fn rules_that_go_through_memory_for_ever_end() {
        let engine = engine("rule endless { condition: for all i in (1..2000000000) : (uint8(0x1000) == 0x2e) }");
        let regions = Two(vec![0x1000..0x1009, 0x7f00_0000_0000..0x7f00_0000_0008]);
        let outcome = engine.scan(Scanned::Memory(&regions), &Variables::default(), Duration::from_millis(20));
        assert!(outcome.stopped.is_some_and(|why| why.contains("was reached")));
    }

    #[test]
    fn rules_that_print_and_rules_about_signatures_load() {
        let _ = engine(
            "import \"console\" import \"pe\" import \"elf\" import \"hash\" import \"math\"\n\
             rule one { condition: console.log(\"x\") and pe.number_of_signatures == 0 and filename == \"\" }",
        );
    }
}
