//! Functions that run what they get, and what they get here.

use bstr::ByteSlice;

use super::super::words::{INDIRECT, NAMES, OBJECTS, RUNS, WRITES};
use super::carries::{PARAMETERS, REMOTE, REQUEST, WRITTEN, is_url};
use super::token::{Kind, Token};
use super::{Flow, Mask, is_request};

const FETCHED: &str = "text of another server that runs as code";
const LIBRARY: &str = "a program that is started with a library of the script's choice";

/// Functions that run their first argument as code or as a command.
const RUNNERS: [&str; 11] = [
    "assert",
    "eval",
    "exec",
    "expect_popen",
    "passthru",
    "pcntl_exec",
    "popen",
    "proc_open",
    "shell_exec",
    "system",
    "create_function",
];
/// Functions that call another, with the number of the argument that names it.
const CALLERS: [(&str, usize); 26] = [
    ("array_diff_ukey", 2),
    ("array_filter", 1),
    ("array_intersect_ukey", 2),
    ("array_map", 0),
    ("array_reduce", 1),
    ("array_udiff", 2),
    ("array_uintersect", 2),
    ("array_walk", 1),
    ("array_walk_recursive", 1),
    ("call_user_func", 0),
    ("call_user_func_array", 0),
    ("forward_static_call", 0),
    ("forward_static_call_array", 0),
    ("header_register_callback", 0),
    ("iterator_apply", 1),
    ("mb_ereg_replace_callback", 1),
    ("ob_start", 0),
    ("preg_replace_callback", 1),
    ("register_shutdown_function", 0),
    ("register_tick_function", 0),
    ("set_error_handler", 0),
    ("set_exception_handler", 0),
    ("spl_autoload_register", 0),
    ("uasort", 1),
    ("uksort", 1),
    ("usort", 1),
];
/// Functions that start a program by themselves.
const STARTERS: [&str; 5] = ["mail", "mb_send_mail", "error_log", "imap_open", "imap_mail"];

fn is_runner(name: &[u8]) -> bool {
    RUNNERS.iter().any(|runner| runner.as_bytes() == name)
}

/// Names of functions that are called, in a text.
fn name_of(text: &[u8]) -> Vec<u8> {
    text.trim_ascii().trim_start_with(|c| c == '\\').to_ascii_lowercase()
}

/// A call whose bracket is at a place.
pub(super) fn at(flow: &mut Flow<'_>, open: usize) {
    let Some(close) = flow.token(open).and_then(|token| token.pair) else { return };
    let Some(before) = open.checked_sub(1).and_then(|at| flow.token(at)) else { return };
    let arguments = flow.split(open.saturating_add(1), close, &[","]);
    let link = open.checked_sub(2).and_then(|at| flow.token(at));
    let is_link = link.is_some_and(|link| link.is("->") || link.is("?->") || link.is("::"));
    match before.kind {
        Kind::Name if is_link => method(flow, before, open, &arguments),
        Kind::Name if link.is_some_and(|link| link.is_name("function")) => {}
        Kind::Name if link.is_some_and(|link| link.is_name("new")) => {
            let is_reflection = before.text.to_ascii_lowercase().starts_with(b"reflection");
            let mask = arguments.iter().fold(0, |mask, (from, to)| mask | flow.carries(*from, *to, 0));
            if is_reflection && is_request(mask) {
                flow.add(5, RUNS, open);
            }
            let name = arguments.first().and_then(|(from, to)| flow.value(*from, *to, 0));
            flow.reflects |= is_reflection && name.is_some_and(|name| is_runner(&name_of(&name)));
        }
        Kind::Name => named(flow, &name_of(before.text), open, &arguments, false),
        Kind::Variable if !is_link && !link.is_some_and(|link| link.is("$")) => {
            variable(flow, before, open, &arguments);
        }
        Kind::Plain | Kind::Quoted => {
            if let Some(name) = flow.value(open.saturating_sub(1), open, 0) {
                named(flow, &name_of(&name), open, &arguments, true);
            }
        }
        Kind::Mark => bracket(flow, open, &arguments),
        _ => {}
    }
}

/// `$f(…)`.
fn variable(flow: &mut Flow<'_>, name: Token<'_>, open: usize, arguments: &[(usize, usize)]) {
    let sink = flow.sink(&bstr::concat([&b"$"[..], name.text]));
    if sink != 0 {
        let mask = flow.passed(sink, arguments, 0);
        judge(flow, mask, 5, INDIRECT, open);
    }
    if let Some(text) = flow.constant(name.text) {
        let text = name_of(text);
        if flow.is_built(name.text) && (is_runner(&text) || text == b"base64_decode") {
            flow.add(3, NAMES, open);
        }
        named(flow, &text, open, arguments, true);
        return;
    }
    let mask = flow.taint(name.text);
    called(flow, mask, open, arguments);
    // Frameworks pass input to callbacks, too.
    let is_list = arguments.first().and_then(|(from, _)| flow.token(*from)).is_some_and(|token| token.is("["));
    let given = arguments.first().filter(|_| !is_list).map_or(0, |(from, to)| flow.carries(*from, *to, 0));
    if !is_request(mask) && is_request(given) {
        flow.add(3, INDIRECT, open);
    }
}

/// A function that the visitor names is called.
fn called(flow: &mut Flow<'_>, name: Mask, open: usize, arguments: &[(usize, usize)]) {
    if !is_request(name) {
        return;
    }
    let given = arguments.iter().fold(0, |mask, (from, to)| mask | flow.carries(*from, *to, 0));
    flow.add(if is_request(given) { 5 } else { 3 }, RUNS, open);
}

/// `$a[0](…)`, `("sys" . "tem")(…)`, `${"f"}(…)`.
fn bracket(flow: &mut Flow<'_>, open: usize, arguments: &[(usize, usize)]) {
    let end = open.saturating_sub(1);
    let Some(mut start) = flow.token(end).and_then(|token| token.pair).filter(|start| *start < end) else { return };
    let Some(mark) = flow.token(start) else { return };
    if mark.is("(") {
        let is_call = start.checked_sub(1).and_then(|at| flow.token(at));
        if is_call.is_some_and(|token| matches!(token.kind, Kind::Name | Kind::Variable)) {
            return;
        }
        let inside = start.saturating_add(1);
        if let Some(name) = flow.value(inside, end, 0) {
            let name = name_of(&name);
            if is_runner(&name) && end > inside.saturating_add(1) {
                flow.add(3, NAMES, open);
            }
            named(flow, &name, open, arguments, true);
            return;
        }
        called(flow, flow.carries(inside, end, 0), open, arguments);
        return;
    }
    // The variable before its keys.
    while let Some(before) = start.checked_sub(1).and_then(|at| flow.token(at)) {
        match before.pair {
            Some(pair) if pair < start && (before.is("]") || before.is("}")) => start = pair,
            _ => break,
        }
    }
    let from = match start.checked_sub(1) {
        Some(at) if flow.token(at).is_some_and(|token| token.kind == Kind::Variable || token.is("$")) => at,
        _ => return,
    };
    // A property of that name is another variable.
    let link = from.checked_sub(1).and_then(|at| flow.token(at));
    if link.is_some_and(|link| link.is("::") || link.is("->")) {
        return;
    }
    let from = if link.is_some_and(|link| link.is("$")) { from.saturating_sub(1) } else { from };
    let carried = flow.carries(from, open, 0);
    called(flow, carried, open, arguments);
}

/// A method. Those of a library in another language may be functions of the system.
fn method(flow: &mut Flow<'_>, name: Token<'_>, open: usize, arguments: &[(usize, usize)]) {
    let name = name_of(name.text);
    let given = arguments.iter().fold(0, |mask, (from, to)| mask | flow.carries(*from, *to, 0));
    let is_reflected = flow.reflects && name.starts_with(b"invoke");
    if (is_reflected || matches!(name.as_slice(), b"system" | b"popen")) && is_request(given) {
        flow.add(5, RUNS, open);
    }
    let sink = flow.sink(&name);
    if sink != 0 {
        let mask = flow.passed(sink, arguments, 0);
        judge(flow, mask, 5, INDIRECT, open);
    }
}

/// What reaches a function that runs it.
fn judge(flow: &mut Flow<'_>, mask: Mask, points: u32, words: &'static str, at: usize) {
    if is_request(mask) {
        flow.add(points, words, at);
    } else if mask & REMOTE != 0 {
        flow.add(points, FETCHED, at);
    }
    flow.reaches(mask & PARAMETERS);
}

/// Whether the words of an expression begin with what a visitor sends: nothing stands before it.
fn is_whole(flow: &Flow<'_>, from: usize, to: usize) -> bool {
    let first = flow.split(from, to, &["."]).first().copied();
    first.is_some_and(|(from, to)| {
        let all = match flow.token(from).filter(|token| token.kind == Kind::Quoted) {
            Some(text) => flow.blend(leading(text.text)),
            None => flow.carries(from, to, 0),
        };
        all & (REQUEST | REMOTE | WRITTEN) != 0
    })
}

/// The variable with which a text begins.
fn leading(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    if !text.starts_with(b"$") && !text.starts_with(b"{$") {
        return &[];
    }
    let end = text.find_iter(b"$").nth(1).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// A call of a function with a name that is known.
fn named(flow: &mut Flow<'_>, name: &[u8], open: usize, arguments: &[(usize, usize)], is_hidden: bool) {
    let mask_of =
        |flow: &Flow<'_>, number: usize| arguments.get(number).map_or(0, |(from, to)| flow.carries(*from, *to, 0));
    let text_of =
        |flow: &Flow<'_>, number: usize| arguments.get(number).and_then(|(from, to)| flow.value(*from, *to, 0));
    let sink = flow.sink(name);
    if sink != 0 {
        let mask = flow.passed(sink, arguments, 0);
        judge(flow, mask, 5, INDIRECT, open);
    }
    if is_runner(name) {
        let number = usize::from(name == b"create_function" && mask_of(flow, 0) == 0);
        let mask = mask_of(flow, number) & !WRITTEN;
        let is_code = matches!(name, b"eval" | b"assert" | b"create_function");
        let is_all = is_code || is_hidden || arguments.get(number).is_some_and(|(from, to)| is_whole(flow, *from, *to));
        judge(flow, mask, if is_all { 5 } else { 4 }, INDIRECT, open);
    }
    if let Some((_, number)) = CALLERS.iter().find(|(caller, _)| caller.as_bytes() == name) {
        caller(flow, *number, open, arguments);
    }
    match name {
        b"extract" | b"parse_str" | b"mb_parse_str" | b"import_request_variables" => {
            let mask = mask_of(flow, 0);
            let target = arguments.get(1).and_then(|(from, _)| flow.token(*from)).filter(|_| name != b"extract");
            match target.filter(|target| target.kind == Kind::Variable) {
                Some(target) => flow.give(target.text, mask),
                None if mask != 0 => flow.give_all(mask),
                None => {}
            }
        }
        b"preg_replace" => {
            let pattern = text_of(flow, 0).unwrap_or_default();
            let modifiers = pattern.rfind_byteset(b"/#~!@%|").and_then(|at| pattern.get(at..)).unwrap_or_default();
            if modifiers.contains(&b'e') {
                let mask = mask_of(flow, 1) | mask_of(flow, 2);
                judge(flow, mask, 5, RUNS, open);
            }
        }
        b"filter_var" | b"filter_var_array" | b"filter_input" | b"filter_input_array" => {
            let all = arguments.first().zip(arguments.last());
            let words = all.map(|((from, _), (_, to))| flow.words(*from, *to)).unwrap_or_default();
            let is_callback = words.iter().any(|word| word.is_name("FILTER_CALLBACK"));
            let runs = words
                .iter()
                .any(|word| matches!(word.kind, Kind::Plain | Kind::Quoted) && is_runner(&name_of(word.text)));
            if is_callback && runs {
                flow.add(5, RUNS, open);
            }
        }
        b"unserialize" if arguments.len() == 1 && is_request(mask_of(flow, 0)) => flow.add(3, OBJECTS, open),
        b"fwrite" | b"fputs" | b"file_put_contents" => {
            let (target, data) = (mask_of(flow, 0), mask_of(flow, 1));
            let is_target = arguments.first().is_some_and(|(from, to)| is_whole(flow, *from, *to));
            if name == b"file_put_contents" && is_request(target) && is_request(data) {
                flow.add(if is_target { 5 } else { 3 }, WRITES, open);
            }
            let target = arguments.first().and_then(|(from, _)| flow.token(*from));
            if let Some(target) = target.filter(|target| target.kind == Kind::Variable)
                && data & (REQUEST | REMOTE) != 0
            {
                flow.give(target.text, WRITTEN);
            }
        }
        b"move_uploaded_file" | b"copy" => {
            let files = arguments.get(1).map_or(&[][..], |(from, to)| flow.words(*from, *to));
            let is_own = files.iter().any(|token| token.text == b"_FILES");
            let is_target = arguments.get(1).is_some_and(|(from, to)| is_whole(flow, *from, *to));
            if !is_own && is_request(mask_of(flow, 0)) && is_request(mask_of(flow, 1)) && is_target {
                flow.add(5, WRITES, open);
            }
        }
        b"putenv" => {
            let text = arguments.first().and_then(|(from, to)| flow.beginning(*from, *to));
            flow.preloads |=
                text.is_some_and(|text| text.starts_with(b"LD_PRELOAD=") || text.starts_with(b"LD_AUDIT="));
        }
        _ => {}
    }
    if STARTERS.iter().any(|starter| starter.as_bytes() == name) {
        let options = text_of(flow, 4).or_else(|| arguments.get(4).and_then(|(from, to)| flow.beginning(*from, *to)));
        let writes = options.is_some_and(|options| options.find("-X").is_some() || options.find("-C").is_some());
        if flow.preloads {
            flow.add(5, LIBRARY, open);
        } else if name == b"mail" && (writes || is_request(mask_of(flow, 4))) {
            flow.add(5, WRITES, open);
        }
    }
}

/// A function that calls another.
fn caller(flow: &mut Flow<'_>, number: usize, open: usize, arguments: &[(usize, usize)]) {
    let Some(&(from, to)) = arguments.get(number) else { return };
    let others = |flow: &Flow<'_>| {
        let others = arguments.iter().enumerate().filter(|(other, _)| *other != number);
        others.fold(0, |mask, (_, (from, to))| mask | flow.carries(*from, *to, 0))
    };
    if let Some(name) = flow.value(from, to, 0) {
        let name = name_of(&name);
        let given = others(flow);
        if is_runner(&name) || flow.sink(&name) != 0 {
            judge(flow, given, 5, RUNS, open);
        }
        return;
    }
    let words = flow.words(from, to);
    let is_object = words.first().is_some_and(|token| token.is_name("new"));
    let closure = words.first().filter(|token| token.kind == Kind::Variable && words.len() == 1);
    let sink = closure.map_or(0, |token| flow.sink(&bstr::concat([&b"$"[..], token.text])));
    if is_object && flow.sink(b"__invoke") != 0 || sink != 0 {
        let given = others(flow);
        judge(flow, given, 5, INDIRECT, open);
    }
    let mask = flow.carries(from, to, 0);
    if is_request(mask) {
        let given = others(flow);
        flow.add(if is_request(given) { 5 } else { 4 }, RUNS, open);
    }
}

/// A command in backticks.
pub(super) fn shell(flow: &mut Flow<'_>, at: usize) {
    let Some(token) = flow.token(at) else { return };
    let mask = flow.blend(token.text);
    let is_all = is_request(flow.blend(leading(token.text)));
    judge(flow, mask, if is_all { 5 } else { 4 }, INDIRECT, at);
}

/// `include …`, which has no brackets.
pub(super) fn statement(flow: &mut Flow<'_>, at: usize) {
    let Some(token) = flow.token(at) else { return };
    if !["include", "include_once", "require", "require_once"].iter().any(|name| token.is_name(name)) {
        return;
    }
    let link = at.checked_sub(1).and_then(|at| flow.token(at));
    if link.is_some_and(|link| link.is("->") || link.is("::") || link.is_name("function")) {
        return;
    }
    let from = at.saturating_add(1);
    let to = flow.end(from);
    // Brackets around all of it.
    let (from, to) = match flow.token(from) {
        Some(open) if open.is("(") && open.pair == to.checked_sub(1) => (from.saturating_add(1), to.saturating_sub(1)),
        _ => (from, to),
    };
    let mask = flow.carries(from, to, 0);
    let beginning = flow.beginning(from, to).unwrap_or_default().to_ascii_lowercase();
    let is_stream = [&b"php://input"[..], b"data:", b"expect:"].iter().any(|scheme| beginning.starts_with(scheme));
    let is_known = beginning.starts_with(b"php:") || mask != 0 || flow.value(from, to, 0).is_some();
    if is_stream && is_known || is_url(&beginning) {
        flow.add(5, if is_stream { RUNS } else { FETCHED }, at);
    } else if mask & (REQUEST | WRITTEN | REMOTE) != 0 && is_whole(flow, from, to) {
        // A name with an end that the script adds is a page of its own.
        let is_all = flow.split(from, to, &["."]).len() == 1;
        flow.add(if is_all { 5 } else { 3 }, RUNS, at);
    }
}
