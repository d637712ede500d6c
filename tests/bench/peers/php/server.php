<?php
// The benchmark's server in plain PHP, with what Debian has of it: one loop on stream_select, as Ratchet's default
// loop is one. /echo, /chat, /rooms?room=NAME, /slow. stream_select cannot watch more than about 1,000 clients.
declare(strict_types=1);
error_reporting(E_ALL & ~E_NOTICE & ~E_WARNING);
ini_set('memory_limit', '-1');

$context = stream_context_create(['socket' => ['backlog' => 4096, 'tcp_nodelay' => true]]);
$listener = stream_socket_server('tcp://127.0.0.1:0', $code, $text, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
if ($listener === false) {
    fwrite(STDERR, "cannot listen: $text\n");
    exit(1);
}
echo 'listening on ', stream_socket_get_name($listener, false), "\n";

$streams = [];
$clients = [];
$rooms = [];
$unsent = [];
$lastNumber = 0;

function header_for(int $opcode, int $length): string
{
    if ($length < 126) return chr(0x80 | $opcode) . chr($length);
    if ($length < 65536) return chr(0x80 | $opcode) . chr(126) . pack('n', $length);
    return chr(0x80 | $opcode) . chr(127) . pack('J', $length);
}

function send(int $id, string $bytes): void
{
    global $streams, $unsent;
    if (isset($unsent[$id])) {
        $unsent[$id] .= $bytes;
        return;
    }
    $count = fwrite($streams[$id], $bytes);
    if ($count !== strlen($bytes)) $unsent[$id] = substr($bytes, (int) $count);
}

function drop(int $id): void
{
    global $streams, $clients, $rooms, $unsent;
    unset($rooms[$clients[$id]['target']][$id], $unsent[$id], $clients[$id]);
    fclose($streams[$id]);
    unset($streams[$id]);
}

function shake(int $id): bool
{
    global $clients, $rooms, $lastNumber;
    $client = &$clients[$id];
    $end = strpos($client['input'], "\r\n\r\n");
    if ($end === false) return false;
    $head = substr($client['input'], 0, $end);
    $client['input'] = substr($client['input'], $end + 4);
    preg_match('/^GET (\S+)/', $head, $target);
    preg_match('/^Sec-WebSocket-Key: (\S+)/mi', $head, $key);
    $client['target'] = $target[1];
    $client['number'] = ++$lastNumber;
    if ($target[1] !== '/echo' && $target[1] !== '/slow') $rooms[$target[1]][$id] = true;
    $accept = base64_encode(sha1($key[1] . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11', true));
    send($id, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $accept\r\n\r\n");
    return true;
}

function take(int $id): void
{
    global $clients, $rooms;
    $input = $clients[$id]['input'];
    $target = $clients[$id]['target'];
    $at = 0;
    while (strlen($input) - $at >= 6) {
        $opcode = ord($input[$at]) & 15;
        $length = ord($input[$at + 1]) & 127;
        $header = 2;
        if ($length === 126) {
            $length = unpack('n', $input, $at + 2)[1];
            $header = 4;
        } elseif ($length === 127) {
            if (strlen($input) - $at < 10) break;
            $length = unpack('J', $input, $at + 2)[1];
            $header = 10;
        }
        if (strlen($input) - $at < $header + 4 + $length) break;
        $mask = substr($input, $at + $header, 4);
        $payload = substr($input, $at + $header + 4, $length) ^ str_repeat($mask, intdiv($length, 4) + 1);
        $at += $header + 4 + $length;
        if ($opcode === 8) {
            drop($id);
            return;
        }
        if ($opcode > 2) continue;
        if ($target === '/slow') usleep(10000);
        if ($target === '/echo' || $target === '/slow') {
            send($id, header_for($opcode, $length) . $payload);
            continue;
        }
        $line = "Client {$clients[$id]['number']}: $payload";
        $frame = header_for(1, strlen($line)) . $line;
        foreach ($rooms[$target] as $member => $_) send($member, $frame);
    }
    $clients[$id]['input'] = substr($input, $at);
}

while (true) {
    $read = $streams;
    $read[-1] = $listener;
    $write = array_intersect_key($streams, $unsent);
    $except = null;
    if (!stream_select($read, $write, $except, null)) continue;
    foreach ($write as $id => $stream) {
        $bytes = $unsent[$id];
        unset($unsent[$id]);
        send($id, $bytes);
    }
    foreach ($read as $id => $stream) {
        if ($id === -1) {
            while (($accepted = @stream_socket_accept($listener, 0)) !== false) {
                stream_set_blocking($accepted, false);
                stream_set_read_buffer($accepted, 0);
                $new = get_resource_id($accepted);
                $streams[$new] = $accepted;
                $clients[$new] = ['target' => null, 'number' => 0, 'input' => ''];
            }
            continue;
        }
        if (!isset($streams[$id])) continue;
        $bytes = fread($stream, 65536);
        if ($bytes === '' || $bytes === false) {
            if (feof($stream)) drop($id);
            continue;
        }
        $clients[$id]['input'] .= $bytes;
        if ($clients[$id]['target'] === null && !shake($id)) continue;
        take($id);
    }
}
