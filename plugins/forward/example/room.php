<?php
// A room whose rules stand in PHP. Each event of a client is a request to this page; what it prints says what becomes of it.
// Who asks has to be Detent: the secret stands in its settings, under `headers`.
if (($_SERVER['HTTP_X_SECRET'] ?? '') !== getenv('ROOM_SECRET')) {
    http_response_code(403);
    exit('only for the server');
}
$event = json_decode(file_get_contents('php://input'), true);
$answer = [];
switch ($event['event']) {
    case 'admit':
        // Sessions of the site, databases, whatever a page has: here a cookie says who it is.
        if (!isset($event['cookies']['name'])) {
            http_response_code(401);
            exit("log in first\n");
        }
        break;
    case 'open':
        $name = $event['cookies']['name'];
        $answer['state'] = ['name' => $name, 'count' => 0]; // comes back with each later event of this client
        $answer['join'] = 'room';
        $answer['send'] = "welcome, $name";
        $answer['publish'] = ['topic' => 'room', 'text' => "$name is here", 'except' => true];
        break;
    case 'message':
        $state = $event['state'];
        $state['count']++;
        $answer['state'] = $state;
        if (($event['text'] ?? '') === 'bye') {
            $answer['close'] = ['code' => 1000, 'reason' => "after {$state['count']} messages"];
        } else {
            $answer['publish'] = ['topic' => 'room', 'text' => "{$state['name']}: {$event['text']}"];
        }
        break;
    case 'close':
        $answer['publish'] = ['topic' => 'room', 'text' => "{$event['state']['name']} has left"];
        break;
}
header('Content-Type: application/json');
echo json_encode((object) $answer);
