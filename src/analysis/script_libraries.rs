//! Where interpreters have their modules: the standard library, and the modules of packages. People's own programs do not lie
//! there.

use bstr::ByteSlice;

use super::facts::base;
use super::vocabulary::has_name;

/// An interpreter with the directories of its modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    /// Its name, for a sentence.
    pub(super) name: &'static str,
    /// Its programs, by the beginning of their name.
    programs: &'static [&'static str],
    /// Beginnings of the directories.
    folders: &'static [&'static str],
    /// A part of other directories: those of libraries for one machine.
    part: &'static str,
    /// Endings of modules that are text.
    endings: &'static [&'static str],
}

const ALL: [Interpreter; 6] = [
    Interpreter {
        name: "Python",
        programs: &["python", "pypy"],
        folders: &[
            "/usr/lib/python",
            "/usr/lib64/python",
            "/usr/share/python",
            "/usr/local/lib/python",
            "/usr/local/lib64/python",
            "/usr/lib/pypy",
            "/usr/share/pyshared/",
        ],
        part: "/site-packages/",
        endings: &[".py"],
    },
    Interpreter {
        name: "Perl",
        programs: &["perl"],
        folders: &[
            "/usr/share/perl",
            "/usr/lib/perl",
            "/usr/lib64/perl",
            "/usr/local/share/perl",
            "/usr/local/lib/perl",
            "/usr/local/lib64/perl",
            "/etc/perl/",
        ],
        part: "-linux-gnu/perl",
        endings: &[".pm", ".pl", ".al"],
    },
    Interpreter {
        name: "Ruby",
        programs: &["ruby", "puma", "unicorn"],
        folders: &[
            "/usr/lib/ruby/",
            "/usr/lib64/ruby/",
            "/usr/share/ruby",
            "/usr/share/gems/",
            "/usr/local/lib/ruby/",
            "/var/lib/gems/",
        ],
        part: "-linux-gnu/ruby/",
        endings: &[".rb"],
    },
    Interpreter {
        name: "Node.js",
        programs: &["node", "nodejs", "bun", "deno"],
        folders: &["/usr/share/nodejs/", "/usr/lib/nodejs/", "/usr/lib/node_modules/", "/usr/local/lib/node_modules/"],
        part: "-linux-gnu/nodejs/",
        endings: &[".js", ".mjs", ".cjs"],
    },
    Interpreter {
        name: "PHP",
        programs: &["php", "php-fpm", "apache2", "httpd"],
        folders: &["/usr/share/php/", "/usr/lib/php/", "/usr/local/lib/php/", "/usr/share/pear/"],
        part: "/share/php/",
        endings: &[".php", ".inc", ".phar"],
    },
    Interpreter {
        name: "Lua",
        programs: &["lua", "luajit", "nginx", "openresty", "redis-server"],
        folders: &[
            "/usr/share/lua/",
            "/usr/lib/lua/",
            "/usr/local/share/lua/",
            "/usr/local/lib/lua/",
            "/usr/local/openresty/",
        ],
        part: "-linux-gnu/lua/",
        endings: &[".lua"],
    },
];

/// The interpreter to whose directories of modules a path belongs.
pub(super) fn of(path: &[u8]) -> Option<&'static Interpreter> {
    let is_system =
        path.starts_with(b"/usr/") || path.starts_with(b"/etc/perl/") || path.starts_with(b"/var/lib/gems/");
    ALL.iter().find(|one| {
        let is_below = || one.folders.iter().any(|folder| path.starts_with(folder.as_bytes()));
        is_system && (is_below() || path.contains_str(one.part))
    })
}

impl Interpreter {
    /// Whether a file is a module of it that people can read.
    pub(super) fn has_text(&self, path: &[u8]) -> bool {
        self.endings.iter().any(|ending| path.ends_with(ending.as_bytes()))
    }

    /// Whether a program is this interpreter.
    pub(super) fn is_run_by(&self, program: &[u8]) -> bool {
        self.programs.iter().any(|word| has_name(program, word))
    }
}

/// The last part of the name of the module that a file of Python is: `b` of `a/b.py` and of `a/b/__main__.py`.
pub(super) fn module_name(path: &[u8]) -> Option<&[u8]> {
    path.strip_suffix(b"/__main__.py").or_else(|| path.strip_suffix(b".py")).map(base)
}

/// Whether a file is what `python -m NAME` runs: the module itself, or the main part of a package. `folder` is where it
/// works.
pub(super) fn is_module(path: &[u8], name: &[u8], folder: &[u8]) -> bool {
    let relative = name.replace(".", "/");
    if relative.is_empty() || relative.contains_str("//") {
        return false;
    }
    let rest = path.strip_suffix(b"/__main__.py").or_else(|| path.strip_suffix(b".py")).unwrap_or_default();
    let Some(place) = rest.strip_suffix(relative.as_slice()).and_then(|place| place.strip_suffix(b"/")) else {
        return false;
    };
    let is_root = of(&bstr::concat([place, b"/"])).is_some_and(|one| one.name == "Python")
        && (matches!(base(place), b"site-packages" | b"dist-packages") || has_name(base(place), "python"));
    is_root || place == folder.trim_end_with(|c| c == '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_modules_are_known() {
        let name = |path: &str| of(path.as_bytes()).map(|one| one.name);
        assert_eq!(name("/usr/lib/python3.13/mimetypes.py"), Some("Python"));
        assert_eq!(name("/usr/lib/python3/dist-packages/x/y.py"), Some("Python"));
        assert_eq!(name("/usr/share/perl/5.40.1/Getopt/Long.pm"), Some("Perl"));
        assert_eq!(name("/usr/lib/x86_64-linux-gnu/perl-base/IO.pm"), Some("Perl"));
        assert_eq!(name("/usr/share/nodejs/acorn-bigint/index.js"), Some("Node.js"));
        for other in
            ["/srv/app/app.py", "/home/a/lib/python3.13/site-packages/a.py", "/usr/bin/x.py", "/app/node_modules/a.js"]
        {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn the_file_of_a_module_is_found_where_python_looks() {
        assert!(is_module(b"/usr/lib/python3/dist-packages/netutil/__main__.py", b"netutil", b"/"));
        assert!(is_module(b"/usr/lib/python3.13/http/server.py", b"http.server", b"/srv"));
        assert!(is_module(b"/srv/tool.py", b"tool", b"/srv/") && is_module(b"/tool.py", b"tool", b"/"));
        for (path, name) in [
            ("/usr/lib/python3/dist-packages/a/netutil.py", "netutil"),
            ("/opt/x/netutil.py", "netutil"),
            ("/usr/lib/python3/dist-packages/xnetutil.py", "netutil"),
            ("/usr/lib/python3.13/.py", ""),
        ] {
            assert!(!is_module(path.as_bytes(), name.as_bytes(), b"/srv"), "{path}");
        }
    }
}
