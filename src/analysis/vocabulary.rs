//! Words that rules share: what is a shell, an interpreter, a writable place, a public address. Each is defined once, here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::{BStr, BString, ByteSlice};

/// Programs that run scripts, by the beginning of their name.
const INTERPRETERS: [&str; 17] = [
    "python", "perl", "ruby", "php", "node", "nodejs", "deno", "bun", "lua", "luajit", "tclsh", "wish", "pwsh", "awk",
    "gawk", "mawk", "java",
];

/// Programs that serve web pages, by the beginning of their name.
const WEB_SERVERS: [&str; 16] = [
    "nginx", "httpd", "apache2", "lighttpd", "caddy", "php-fpm", "php-cgi", "uwsgi", "gunicorn", "puma", "unicorn",
    "w3wp", "envoy", "traefik", "haproxy", "uvicorn",
];

/// Programs that are databases.
const DATABASES: [&str; 9] =
    ["mysqld", "mariadbd", "postgres", "redis-server", "valkey-server", "mongod", "oracle", "memcached", "beam.smp"];

/// Programs that fetch files.
pub const FETCHERS: [&str; 8] = ["curl", "wget", "fetch", "lwp-download", "ftpget", "tftp", "aria2c", "ftp"];

/// Whether a name is that of a program that is many: what it was called by says which.
pub fn is_busybox(name: &[u8]) -> bool {
    let name = crate::memory::without_static(name);
    ["busybox", "toybox"].iter().any(|box_name| has_name(name, box_name))
}

/// Whether busybox is a shell by the name that it was called by.
pub fn is_busybox_shell(called: &[u8]) -> bool {
    let called = called.strip_prefix(b"-").unwrap_or(called);
    ["sh", "ash", "hush"].iter().any(|shell| shell.as_bytes() == called)
}

/// Whether a name is that of a shell.
pub fn is_shell_name(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"-").unwrap_or(name);
    crate::memory::is_shell(name) && !is_busybox(name)
}

/// Whether a name is that of an interpreter, with or without a version: `python3.12`.
pub fn is_interpreter(name: &[u8]) -> bool {
    INTERPRETERS.iter().any(|word| has_name(name, word))
}

/// Whether a process serves web pages, by its program or its listening ports.
pub fn is_web_server(name: &[u8]) -> bool {
    WEB_SERVERS.iter().any(|word| has_name(name, word))
}

/// Whether a program is a database.
pub fn is_database(name: &[u8]) -> bool {
    DATABASES.iter().any(|word| word.as_bytes() == name)
}

/// Whether code is that by which libraries start workers of a program.
pub fn is_worker_code(code: &[u8]) -> bool {
    ["multiprocessing", "billiard", "loky", "spawn_main", "resource_tracker", "forkserver", "ipykernel", "setuptools"]
        .iter()
        .any(|word| code.contains_str(word))
}

/// Whether a name is a word, maybe with a version behind it.
pub fn has_name(name: &[u8], word: &str) -> bool {
    name.strip_prefix(word.as_bytes())
        .is_some_and(|rest| rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-')))
}

/// Whether a path is below a directory that everyone may write to.
pub fn is_world_writable(path: &[u8]) -> bool {
    const PLACES: [&str; 10] = [
        "/tmp/",
        "/var/tmp/",
        "/dev/shm/",
        "/run/shm/",
        "/run/user/",
        "/var/run/user/",
        "/dev/mqueue/",
        "/run/lock/",
        "/var/lock/",
        "/var/crash/",
    ];
    PLACES.iter().any(|place| path.starts_with(place.as_bytes()))
}

/// Whether a part of a path is hidden: it begins with a dot and is no ordinary name, or consists of dots and blanks.
pub fn is_hidden(path: &[u8]) -> bool {
    path.split_str("/").any(is_hidden_name)
}

/// Hidden directories into which tools install programs and libraries, for one user or for one project: managers of versions
/// and of packages, editors, servers of languages. Images and volumes have them.
const MANAGERS: [&str; 69] = [
    ".asdf",
    ".bun",
    ".bundle",
    ".cabal",
    ".cargo",
    ".codeium",
    ".conda",
    ".cpan",
    ".cpanm",
    ".cursor-server",
    ".deno",
    ".dotnet",
    ".dylibs",
    ".eggs",
    ".elan",
    ".gem",
    ".ghcup",
    ".goenv",
    ".gradle",
    ".hex",
    ".ivy2",
    ".jabba",
    ".java",
    ".jdks",
    ".jenv",
    ".julia",
    ".juliaup",
    ".kerl",
    ".krew",
    ".libs",
    ".local",
    ".luarocks",
    ".m2",
    ".mamba",
    ".micromamba",
    ".mix",
    ".nodenv",
    ".nox",
    ".npm",
    ".npm-global",
    ".nuget",
    ".nvm",
    ".opam",
    ".phpenv",
    ".pixi",
    ".plenv",
    ".pnpm",
    ".pnpm-store",
    ".pulumi",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".sbt",
    ".sdkman",
    ".stack",
    ".swiftpm",
    ".terraform",
    ".terraform.d",
    ".tfenv",
    ".tox",
    ".venv",
    ".virtualenvs",
    ".volta",
    ".vscode",
    ".vscode-server",
    ".vscode-remote",
    ".wine",
    ".yarn",
];

/// Whether a path is below a hidden directory into which a tool installs programs.
pub fn is_managed(path: &[u8]) -> bool {
    path.split_str("/").any(is_manager)
}

fn is_manager(name: &[u8]) -> bool {
    MANAGERS.iter().any(|manager| manager.as_bytes() == name)
}

/// Whether a hidden name is one that software uses in temporary directories and directories of the system, by its beginning.
pub fn is_usual_in_system(name: &[u8]) -> bool {
    const BEGINNINGS: [&str; 44] = [
        ".org.chromium.",
        ".com.google.Chrome",
        ".net",
        ".dotnet",
        ".s.PGSQL.",
        ".s.MYSQL",
        ".java_pid",
        ".attach_pid",
        ".nfs",
        ".fuse_hidden",
        ".mount_",
        ".goutputstream",
        ".X",
        ".~lock",
        ".#",
        ".pwd.lock",
        ".placeholder",
        ".keep",
        ".gitkeep",
        ".gitignore",
        ".SEQ",
        ".lock",
        ".updated",
        ".wh.",
        ".vscode",
        ".pip",
        ".yarn",
        ".pnpm",
        ".bundle",
        ".terraform",
        ".gradle",
        ".ansible",
        ".esd-",
        ".wine",
        ".node",
        ".well-known",
        ".htaccess",
        ".htpasswd",
        ".hmac",
        ".build-id",
        ".debug",
        ".dwz",
        ".uuid",
        ".step",
    ];
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning.as_bytes()))
}

/// Whether a name is hidden.
pub fn is_hidden_name(name: &[u8]) -> bool {
    const USUAL: [&str; 17] = [
        ".X11-unix",
        ".ICE-unix",
        ".font-unix",
        ".Test-unix",
        ".XIM-unix",
        ".cache",
        ".config",
        ".dockerenv",
        ".containerenv",
        ".ssh",
        ".bashrc",
        ".profile",
        ".bash_logout",
        ".bash_history",
        ".gnupg",
        ".git",
        ".triton",
    ];
    let is_blank =
        !name.is_empty() && !matches!(name, b"." | b"..") && name.iter().all(|byte| matches!(byte, b'.' | b' '));
    let ends_blank = name.ends_with(b" ") || name.starts_with(b" ");
    let is_dotted = name.starts_with(b".") && !matches!(name, b"." | b"..");
    let is_usual =
        || USUAL.iter().any(|usual| usual.as_bytes() == name) || is_manager(name) || name.starts_with(b".mount_");
    is_blank || ends_blank || is_dotted && !is_usual()
}

/// Whether an address is on the public internet. Addresses for documentation count as public: no network of one's own has
/// them, and exercises and recorded cases do.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The address of a text, if it is public.
pub fn public(address: Option<&str>) -> Option<IpAddr> {
    address?.parse().ok().filter(|address| is_public(*address))
}

/// Whether an address is that of the host itself.
pub fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(v6.is_loopback(), |v4| v4.is_loopback()),
        IpAddr::V4(v4) => v4.is_loopback(),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0)
            | (192, 168, _)
            | (198, 18 | 19, _)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = || {
        let [.., high, low] = segments;
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => embedded(),
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] | [0x100, 0, 0, 0, ..] => false,
        [first, ..] => !matches!(first, 0xfc00..=0xfdff | 0xfe80..=0xfebf | 0xff00..=0xffff),
    }
}

/// Text with each number replaced by `#`, so that it is the same in the next checkpoint.
pub fn without_numbers(text: &[u8]) -> BString {
    let mut plain = BString::default();
    for &byte in text {
        if !byte.is_ascii_digit() {
            plain.push(byte);
        } else if plain.last() != Some(&b'#') {
            plain.push(b'#');
        }
    }
    plain
}

/// Whether a process is a known server of terminals: its shells belong there.
pub fn is_terminal_server(name: &BStr) -> bool {
    const SERVERS: [&str; 17] = [
        "sshd",
        "sshd-session",
        "dropbear",
        "tmux",
        "screen",
        "script",
        "ttyd",
        "conmon",
        "containerd-shim",
        "gotty",
        "code-server",
        "jupyter",
        "login",
        "su",
        "sudo",
        "crun",
        "runc",
    ];
    SERVERS.iter().any(|server| has_name(name, server))
        || name.starts_with(b"tmux")
        || name.starts_with(b"containerd-shim")
}

/// A socket through which a program outside of the container takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlSocket {
    /// Whose it is, for a sentence.
    pub owner: &'static str,
    /// Whether it is that of a container engine: whoever writes to it controls the host.
    pub is_engine: bool,
}

/// The socket at a path, if it is one of a container engine, of systemd or of D-Bus.
pub fn control_socket(path: &[u8]) -> Option<ControlSocket> {
    const SOCKETS: [(&str, &str, bool); 14] = [
        ("/docker.sock", "Docker", true),
        ("/containerd.sock", "containerd", true),
        ("/crio.sock", "CRI-O", true),
        ("/podman.sock", "Podman", true),
        ("/dockershim.sock", "the kubelet's Docker", true),
        ("/cri-dockerd.sock", "the kubelet's Docker", true),
        ("/buildkitd.sock", "BuildKit", true),
        ("/kubelet.sock", "the kubelet", true),
        ("/rkt.sock", "rkt", true),
        ("/lxd/unix.socket", "LXD", true),
        ("/incus/unix.socket", "Incus", true),
        ("/systemd/private", "systemd", false),
        ("/dbus/system_bus_socket", "the system bus", false),
        ("/libvirt-sock", "libvirt", true),
    ];
    let found = SOCKETS.iter().find(|(end, ..)| path.ends_with(end.as_bytes()))?;
    let (_, owner, is_engine) = *found;
    Some(ControlSocket { owner, is_engine })
}

/// The service at an address that gives a cloud machine its credentials, in words. `None` for other addresses.
pub fn metadata_service(address: IpAddr) -> Option<&'static str> {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            [169, 254, 169, 254] => Some("the metadata service of the cloud"),
            [169, 254, 170, 2] => Some("the credentials service of Amazon ECS"),
            [169, 254, 170, 23] => Some("the credentials service of Amazon EKS"),
            [100, 100, 100, 200] => Some("the metadata service of Alibaba Cloud"),
            [192, 0, 0, 192] => Some("the metadata service of Oracle Cloud"),
            _ => None,
        },
        IpAddr::V6(v6) => match v6.segments() {
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Some("the metadata service of the cloud"),
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23] => Some("the credentials service of Amazon EKS"),
            _ => None,
        },
    }
}

/// What names the service of a cloud that gives credentials.
const METADATA: [&str; 9] = [
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
    "fd00:ec2::254",
    "100.100.100.200",
    "/computeMetadata/v1",
    "/latest/meta-data",
    "/metadata/identity/oauth2",
    "2852039166",
];

/// Whether words of a command name the service of a cloud that gives credentials. A list of what no proxy is asked for
/// (`NO_PROXY=…`, `--noproxy …`, `-Dhttp.nonProxyHosts=…`) keeps programs from asking it by mistake.
pub fn names_metadata<'w>(words: impl Iterator<Item = &'w [u8]>) -> bool {
    const EXCEPT: [&str; 4] = ["no_proxy", "noproxy", "no-proxy", "nonproxyhosts"];
    let mut is_value = false;
    for word in words {
        let lower = word.to_ascii_lowercase();
        let is_list = EXCEPT.iter().any(|except| lower.contains_str(except));
        if !is_list && !is_value && METADATA.iter().any(|name| word.contains_str(name)) {
            return true;
        }
        // `--noproxy LIST`: the list is the next word.
        is_value = is_list && word.starts_with(b"-") && !word.contains(&b'=');
    }
    false
}

/// The words of a text: what stands between blanks and the marks at which a shell ends a command, with their quotes.
pub fn words_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b'&')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_those_that_the_internet_routes() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for text in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "203.0.113.66",
        ] {
            assert!(public(text), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
        ] {
            assert!(!public(text), "{text}");
        }
    }

    #[test]
    fn names_match_with_a_version_but_not_in_part() {
        assert!(is_interpreter(b"python3.12") && is_interpreter(b"perl") && is_interpreter(b"lua5.4"));
        assert!(!is_interpreter(b"nodeenv") && !is_interpreter(b"pythonista") && !is_interpreter(b""));
        for shell in ["-bash", "tcsh", "csh", "ksh93", "rbash", "bash-static", "zsh-5.9"] {
            assert!(is_shell_name(shell.as_bytes()), "{shell}");
        }
        for other in ["bashful", "ssh", "shred", "busybox.static", "fishd", ""] {
            assert!(!is_shell_name(other.as_bytes()), "{other}");
        }
        assert!(is_busybox(b"busybox.static") && is_busybox(b"busybox") && !is_busybox(b"busyboxd"));
    }

    #[test]
    fn workers_of_python_are_known() {
        assert!(is_worker_code(b"from multiprocessing.spawn import spawn_main; spawn_main(5)"));
        assert!(!is_worker_code(b"import socket,pty;pty.spawn('/bin/sh')"));
    }

    #[test]
    fn hidden_names_are_those_that_people_do_not_use() {
        for name in [".x", "...", ".. ", " a", "b "] {
            assert!(is_hidden(format!("/tmp/{name}/y").as_bytes()), "{name}");
        }
        for name in
            ["a", ".", "..", ".cache", ".X11-unix", "a.b", ".pnpm", ".pyenv", ".libs", ".terraform", ".mount_a1"]
        {
            assert!(!is_hidden(format!("/tmp/{name}/y").as_bytes()), "{name}");
        }
        assert!(is_managed(b"/opt/.pyenv/versions/3.13/lib/x.so") && !is_managed(b"/opt/.cache/x.so"));
    }

    #[test]
    fn numbers_do_not_count() {
        assert_eq!(without_numbers(b"--port=8080 x1y22"), "--port=# x#y#");
    }

    #[test]
    fn exceptions_of_proxies_do_not_name_the_metadata_service() {
        let names = |text: &str| names_metadata(words_of(text.as_bytes()));
        for text in [
            "curl http://169.254.169.254/latest/meta-data/iam",
            "sh -c 'curl -H X:Y metadata.google.internal/computeMetadata/v1'",
            "NO_PROXY=169.254.169.254 curl http://169.254.169.254/",
            "curl --noproxy * http://169.254.169.254/",
        ] {
            assert!(names(text), "{text}");
        }
        for text in [
            "java -Dhttp.nonProxyHosts=169.254.169.254|*.corp -jar a.jar",
            "env NO_PROXY=localhost,169.254.169.254 server",
            "sh -c 'export no_proxy=\"169.254.169.254\"; exec server'",
            "curl --noproxy 169.254.169.254 http://example.org",
            "nginx",
        ] {
            assert!(!names(text), "{text}");
        }
    }

    #[test]
    fn sockets_of_engines_and_services_of_clouds_are_known() {
        assert!(control_socket(b"/var/run/docker.sock").unwrap().is_engine);
        assert!(!control_socket(b"/run/dbus/system_bus_socket").unwrap().is_engine);
        assert_eq!(control_socket(b"/run/mydocker.sock"), None);
        for text in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "169.254.170.2"] {
            assert!(metadata_service(text.parse().unwrap()).is_some(), "{text}");
        }
        assert_eq!(metadata_service("169.254.1.1".parse().unwrap()), None);
    }
}
