<?php // Takes a text and an image from a form, and tells everyone who listens to the topic `wall`.
session_start();
// Who posts is told apart, and nobody learns a session that he could take over.
$post = ['who' => substr(hash('sha256', session_id()), 0, 8), 'text' => $_POST['text'] ?? ''];
if (is_uploaded_file($image = $_FILES['image']['tmp_name'] ?? '')) {
    $types = ['image/png' => 'png', 'image/jpeg' => 'jpg', 'image/gif' => 'gif', 'image/webp' => 'webp'];
    $type = $types[mime_content_type($image)] ?? exit(http_response_code(415));
    is_dir('uploads') || mkdir('uploads');
    $post['image'] = 'uploads/' . bin2hex(random_bytes(16)) . ".$type";
    move_uploaded_file($image, $post['image']);
}
$request = ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($post)];
$detent = getenv('DETENT') ?: 'http://127.0.0.1:25252';
echo file_get_contents("$detent/push/wall", false, stream_context_create(['http' => $request]));
