// A client on gorilla/websocket, as tests/clients/README.md says. The library never keeps a window, and always says so.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"

	"github.com/gorilla/websocket"
)

func hear(conn *websocket.Conn, closed chan<- int) {
	for {
		_, message, err := conn.ReadMessage()
		if end, is := err.(*websocket.CloseError); is {
			closed <- end.Code
			return
		} else if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", message)
	}
}

func main() {
	dialer := websocket.Dialer{EnableCompression: os.Args[2] != "plain"}
	conn, response, err := dialer.Dial(os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("agreed:", response.Header.Get("Sec-WebSocket-Extensions"))
	closed := make(chan int)
	go hear(conn, closed)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16*1024*1024)
	for lines.Scan() {
		if err := conn.WriteMessage(websocket.TextMessage, lines.Bytes()); err != nil {
			log.Fatal(err)
		}
	}
	end := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := conn.WriteMessage(websocket.CloseMessage, end); err != nil {
		log.Fatal(err)
	}
	fmt.Println("closed:", <-closed)
}
