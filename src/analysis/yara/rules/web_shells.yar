// Web shells: what a visitor sends is executed.

rule web_shell_php
{
    meta:
        description = "PHP that executes what a visitor sends"
        severity = "high"
        category = "web_shell"
    strings:
        $open = /<\?(php|=|\s)/ nocase
        $flow = /\b(eval|assert|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|create_function)\s{0,4}\(\s{0,4}@?((base64_decode|gzinflate|gzuncompress|str_rot13|stripslashes|trim|urldecode|hex2bin)\s{0,2}\(\s{0,2}){0,3}\$_(GET|POST|REQUEST|COOKIE|SERVER)\s{0,2}\[/ nocase
        $named = /\$_(GET|POST|REQUEST|COOKIE)\s{0,2}\[[^\]\n]{1,60}\]\s{0,2}\(\s{0,2}@?\$_(GET|POST|REQUEST|COOKIE)\s{0,2}\[/
        $input = /\b(eval|assert)\s{0,4}\(\s{0,4}@?(file_get_contents\s{0,2}\(\s{0,2})["']php:\/\/input/ nocase
    condition:
        $open and any of ($flow, $named, $input)
}

rule web_shell_php_packed
{
    meta:
        description = "PHP that executes code which it unpacks in several steps"
        severity = "medium"
        category = "web_shell"
    strings:
        $open = /<\?(php|=|\s)/ nocase
        $chain = /\b(eval|assert)\s{0,4}\(\s{0,4}@?((base64_decode|gzinflate|gzuncompress|str_rot13|hex2bin|strrev)\s{0,2}\(\s{0,2}){2,6}/ nocase
    condition:
        $open and $chain
}

rule web_shell_jsp
{
    meta:
        description = "A page of JSP that executes what a visitor sends, or loads classes out of it"
        severity = "high"
        category = "web_shell"
    strings:
        $open = "<%"
        $exec = /getRuntime\(\)\s{0,2}\.exec\(\s{0,2}request\.getParameter\(/
        $builder = /ProcessBuilder\([^\n;]{0,60}request\.getParameter\(/
        $define = "defineClass("
        $cipher = "Cipher.getInstance("
        $reader = "request.getReader()"
        $key = "e45e329feb5d925b"
    condition:
        $open and ($exec or $builder or $key or ($define and $cipher and $reader))
}

rule web_shell_script
{
    meta:
        description = "A script of a server (Python, JavaScript) that executes what a visitor sends"
        severity = "high"
        category = "web_shell"
    strings:
        $python = /os\.(popen|system)\(\s{0,2}(flask\.)?request\.(args|form|values|GET|POST|cookies|headers)/
        $python_eval = /\b(eval|exec)\(\s{0,2}((base64\.)?b64decode\(\s{0,2})?(flask\.)?request\.(args|form|values|data|GET|POST)/
        $python_run = /subprocess\.(check_output|run|Popen|getoutput|call)\(\s{0,2}(flask\.)?request\.(args|form|values|GET|POST)/
        $node = /child_process['"]?\)?\.(exec|execSync|spawn)\(\s{0,2}req(uest)?\.(query|body|params|headers)/
        $node_eval = /\beval\(\s{0,2}req(uest)?\.(query|body|params|headers)/
    condition:
        any of them
}
