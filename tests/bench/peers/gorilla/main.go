// The benchmark's server on gorilla/websocket: /echo, /chat, /rooms?room=NAME, /slow. Rooms are those of gorilla's
// own chat example: a hub, and a reader and a writer for each client; each message leaves as a frame of its own. By TLS
// where it is given a certificate and a key:
//   main [CERTIFICATE KEY]
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, EnableCompression: true}

type client struct {
	conn *websocket.Conn
	send chan []byte
}

type hub struct {
	broadcast  chan []byte
	register   chan *client
	unregister chan *client
}

func newHub() *hub {
	h := &hub{make(chan []byte), make(chan *client), make(chan *client)}
	go h.run()
	return h
}

func (h *hub) run() {
	clients := make(map[*client]bool)
	for {
		select {
		case c := <-h.register:
			clients[c] = true
		case c := <-h.unregister:
			if clients[c] {
				delete(clients, c)
				close(c.send)
			}
		case message := <-h.broadcast:
			for c := range clients {
				select {
				case c.send <- message:
				default:
					close(c.send)
					delete(clients, c)
				}
			}
		}
	}
}

func (c *client) write() {
	defer c.conn.Close()
	for message := range c.send {
		if c.conn.WriteMessage(websocket.TextMessage, message) != nil {
			return
		}
	}
}

var (
	mutex      sync.Mutex
	hubs       = make(map[string]*hub)
	lastNumber int
)

func enter(name string) (*hub, int) {
	mutex.Lock()
	defer mutex.Unlock()
	h, ok := hubs[name]
	if !ok {
		h = newHub()
		hubs[name] = h
	}
	lastNumber++
	return h, lastNumber
}

func room(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	h, number := enter(r.URL.RequestURI())
	c := &client{conn, make(chan []byte, 256)}
	h.register <- c
	go c.write()
	defer func() { h.unregister <- c }()
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		h.broadcast <- []byte(fmt.Sprintf("Client %d: %s", number, message))
	}
}

func echo(delay time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		conn.SetReadLimit(1024 * 1024)
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if delay != 0 {
				time.Sleep(delay)
			}
			if conn.WriteMessage(kind, message) != nil {
				return
			}
		}
	}
}

func main() {
	http.HandleFunc("/echo", echo(0))
	http.HandleFunc("/slow", echo(10*time.Millisecond))
	http.HandleFunc("/chat", room)
	http.HandleFunc("/rooms", room)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	if len(os.Args) == 3 {
		log.Fatal(http.ServeTLS(listener, nil, os.Args[1], os.Args[2]))
	}
	log.Fatal(http.Serve(listener, nil))
}
