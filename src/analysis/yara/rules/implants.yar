// Programs for remote control, tunnels, rootkits, and scripts that install them.

rule c2_sliver
{
    meta:
        description = "An implant of Sliver"
        severity = "critical"
        category = "c2"
    strings:
        $a = "bishopfox/sliver"
        $b = "sliverpb."
        $c = "BeaconRegister"
        $d = "ActiveC2"
    condition:
        2 of them
}

rule c2_meterpreter
{
    meta:
        description = "A Meterpreter or Mettle"
        severity = "critical"
        category = "c2"
    strings:
        $a = "stdapi_sys_process_execute"
        $b = "stdapi_fs_ls"
        $c = "core_loadlib"
        $d = "core_negotiate_tlv_encryption"
        $e = "core_machine_id"
    condition:
        3 of them
}

rule c2_agents
{
    meta:
        description = "An agent of a framework for remote control"
        severity = "high"
        category = "c2"
    strings:
        $merlin = "github.com/Ne0nd0g/merlin"
        $geacon = "geacon/cmd/packet"
        $pupy_1 = "pupyimporter"
        $pupy_2 = "pupy.network"
        $poseidon = "Payload_Type/poseidon"
    condition:
        $merlin or $geacon or $poseidon or ($pupy_1 and $pupy_2)
}

rule tunnel_tool
{
    meta:
        description = "A tool that tunnels connections out of the network"
        severity = "medium"
        category = "tunnel"
    strings:
        $chisel = "github.com/jpillora/chisel/client"
        $frp = "github.com/fatedier/frp/client"
        $ligolo = "nicocha30/ligolo"
        $gsocket_1 = "GSOCKET_ARGS"
        $gsocket_2 = "gs-netcat"
        $iox = "iox/operate"
    condition:
        $chisel or $frp or $ligolo or $iox or ($gsocket_1 and $gsocket_2)
}

rule preload_rootkit
{
    meta:
        description = "A library that replaces functions of others to hide files, processes or logins"
        severity = "high"
        category = "rootkit"
    strings:
        $preload = "/etc/ld.so.preload"
        $name_1 = "libprocesshider"
        $name_2 = "process_to_filter"
        $next = "dlsym\x00"
        $hook_1 = "\x00readdir64\x00"
        $hook_2 = "\x00readdir\x00"
        $hook_3 = "\x00fopen64\x00"
        $hook_4 = "\x00fopen\x00"
        $hook_5 = "\x00__xstat\x00"
        $hook_6 = "\x00lstat\x00"
        $hook_7 = "\x00pam_authenticate\x00"
        $hook_8 = "\x00accept\x00"
        $hook_9 = "\x00unlinkat\x00"
    condition:
        kind != "process" and filesize < 512KB and uint32(0) == 0x464C457F and uint16(16) == 3 and $next and
        ((any of ($name_*) and any of ($hook_*)) or ($preload and 3 of ($hook_*)))
}

rule bpf_backdoor
{
    meta:
        description = "A backdoor that waits for a magic packet with a filter on a raw socket"
        severity = "critical"
        category = "backdoor"
    strings:
        $a = "/var/run/haldrund.pid"
        $b = "/dev/shm/kdmtmpflush"
        $c = "hald-addon-acpi: listening on acpi kernel interface /proc/acpi/event"
        $d = "avahi-daemon: chroot helper"
        $e = "/usr/sbin/console-kit-daemon --no-daemon"
        $f = "qmgr -l -t fifo -u"
        $g = "pickup -l -t fifo -u"
    condition:
        2 of ($a, $b, $c) or 4 of them
}

rule botnet_mirai
{
    meta:
        description = "A bot of the Mirai family, which guesses passwords of devices"
        severity = "critical"
        category = "botnet"
    strings:
        $busybox = /\/bin\/busybox [A-Z]{4,10}\x00/
        $watchdog = "/dev/misc/watchdog"
        $query = "TSource Engine Query"
        $shell = "enable\x00system\x00shell\x00sh\x00"
        $report = "applet not found"
    condition:
        ($busybox and any of ($watchdog, $query, $shell, $report)) or 3 of ($watchdog, $query, $shell, $report)
}

rule kinsing_like_script
{
    meta:
        description = "A script that removes rivals and defences and installs a miner"
        severity = "high"
        category = "dropper"
    strings:
        $a = "kdevtmpfsi"
        $b = "kinsing"
        $c = "chattr -i"
        $d = "pkill -f"
        $e = "/etc/ld.so.preload"
        $f = "crontab -r"
        $g = "setenforce 0"
        $h = "aliyun"
        $i = "ufw disable"
        $j = "iptables -F"
    condition:
        5 of them or (($a or $b) and 3 of them)
}

rule cron_dropper
{
    meta:
        description = "A line for cron that fetches a script and runs it"
        severity = "high"
        category = "dropper"
    strings:
        $line = /\*(\/[0-9]{1,2})? \* \* \* \* [^\n]{0,60}(curl|wget) [^\n|]{4,200}\|\s{0,2}(ba)?sh/
        $python = /\*(\/[0-9]{1,2})? \* \* \* \* [^\n]{0,60}(curl|wget) [^\n|]{4,200}\|\s{0,2}python/
    condition:
        any of them
}

rule history_wipe
{
    meta:
        description = "Commands that keep a shell from recording what is typed, or remove the record"
        severity = "medium"
        category = "anti_forensics"
    strings:
        $a = "unset HISTFILE"
        $b = "HISTFILE=/dev/null"
        $c = "history -c"
        $d = "HISTSIZE=0"
        $e = /ln -sf \/dev\/null [^\n]{0,60}_history/
        $f = /(rm -f|shred -u) [^\n]{0,60}\.bash_history/
    condition:
        2 of them
}

rule docker_api_privileged
{
    meta:
        description = "A request to a container engine for a container that owns the host"
        severity = "high"
        category = "escape"
    strings:
        $create = /POST (\/v[0-9]\.[0-9]{1,2}){0,1}\/containers\/create/
        $privileged = /"Privileged"\s{0,2}:\s{0,2}true/ nocase
        $root = /"Binds"\s{0,2}:\s{0,2}\[\s{0,2}"\/:/
        $pid = /"PidMode"\s{0,2}:\s{0,2}"host"/
    condition:
        $create and any of ($privileged, $root, $pid)
}

rule kernel_exploit
{
    meta:
        description = "Names of functions of the kernel that an exploit calls to become root"
        severity = "medium"
        category = "exploit"
    strings:
        $a = "prepare_kernel_cred"
        $b = "commit_creds"
        $c = "modprobe_path"
        $d = "selinux_enforcing"
        $e = "/proc/kallsyms"
        $f = "/proc/sys/kernel/core_pattern"
    condition:
        $a and $b and any of ($c, $d, $e, $f)
}

rule packed_upx
{
    meta:
        description = "A program packed with UPX"
        severity = "low"
        category = "packer"
    strings:
        $info = "$Info: This file is packed with the UPX executable packer"
        $mark = "UPX!"
    condition:
        $info or (kind != "process" and uint32(0) == 0x464C457F and $mark in (0..1024))
}
