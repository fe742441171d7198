// Commands that give somebody elsewhere a shell.

rule reverse_shell_command
{
    meta:
        description = "A command that connects a shell to another machine"
        severity = "high"
        category = "reverse_shell"
    strings:
        $bash = /sh -i (>&|&>|>) ?\/dev\/(tcp|udp)\/[^\s\/]{1,253}\/[0-9]{1,5}/
        // What arrives is run: a check of a service only opens such a connection and reads an answer.
        $exec = /exec [0-9]{1,3}<> ?\/dev\/(tcp|udp)\/[^\s\/]{1,253}\/[0-9]{1,5}[^\x00]{0,200}(sh( -i)? 0?<&|\| ?(\/bin\/)?(ba|da|z)?sh\b|read [^\x00]{0,60}do[ \n]{1,8}(eval |["$]))/
        $python = /socket\.socket\([^\n]{0,240}\.connect\(\([^\n]{0,160}os\.dup2\(/
        $python_pty = /\.connect\(\([^\n]{0,200}pty\.spawn\(/
        $perl = /use Socket;[^\n]{0,400}exec\s{0,2}[\{\(]?\s{0,2}["']\/bin\/(ba)?sh -i/
        $ruby = /-rsocket[^\n]{0,60}TCPSocket\.(open|new)\([^\n]{0,160}exec/
        $php = /fsockopen\([^\n]{0,160}(exec|shell_exec|system|passthru|popen|proc_open)\([^\n]{0,40}sh -i/
        $netcat = /(nc|ncat|netcat)(\.traditional|\.openbsd)? [^\n|;&]{0,120}-[a-z]{0,4}[ec] ?(\/usr)?\/bin\/(ba|da|z|a)?sh/
        $fifo = /mkfifo \/[^\s;]{1,80}\s?;[^\n]{0,160}sh -i[^\n]{0,60}\|\s?(nc|ncat|netcat|telnet|openssl) /
        $socat = /socat [^\n]{0,200}exec:['"]?(\/usr)?(\/bin\/)?(ba|da|z|a)?sh/ nocase
        $awk = /\/inet\/(tcp|udp)\/0\/[^\s]{1,200}\/[0-9]{1,5}"[^\n]{0,200}getline/
        $lua = /socket[^\n]{0,120}tcp\(\)[^\n]{0,160}(os\.execute|io\.popen)\([^\n]{0,60}sh -i/
    condition:
        any of them
}

rule reverse_shell_encoded
{
    meta:
        description = "A command for a reverse shell in base64"
        severity = "high"
        category = "reverse_shell"
    strings:
        $a = "sh -i >& /dev/tcp/" base64
        $b = "import pty;pty.spawn(" base64
        $c = "import socket,subprocess,os" base64
    condition:
        any of them
}
