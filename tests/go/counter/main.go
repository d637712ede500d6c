// A plugin in Go, by cgo: greets who comes and counts what each client says.
//
//	CGO_CFLAGS=-I.../plugin-api/include go build -buildmode=c-shared -o plugins/libcounter.so
//
// What the server reads of it is in plugin.c: a constant and a table of functions, which only C can lay out.
package main

// #include "detent.h"
//
// static inline detent_status say(const detent_host *host, detent_client_id client, const char *text, size_t length)
// {
//     const detent_bytes bytes = {(const uint8_t *)text, length};
//     return host->send(host, client, DETENT_TEXT, bytes);
// }
//
// static inline void tell(const detent_sink *sink, const char *text, size_t length)
// {
//     const detent_bytes bytes = {(const uint8_t *)text, length};
//     sink->write(sink->context, bytes);
// }
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"
)

// session is what belongs to one client: its callbacks never overlap, so that it needs no lock.
type session struct {
	count int
}

// guarded turns a panic into a failed callback, with its words in the log: left alone, it would end the server.
func guarded(sink *C.detent_sink, status *C.detent_status) {
	if why := recover(); why != nil {
		text := fmt.Sprint(why)
		C.tell(sink, first(text), C.size_t(len(text)))
		*status = C.DETENT_PANICKED
	}
}

// first is where a text begins, for a call that copies it before it returns; nil where there is none.
func first(text string) *C.char {
	bytes := []byte(text)
	if len(bytes) == 0 {
		return nil
	}
	return (*C.char)(unsafe.Pointer(&bytes[0]))
}

func say(host *C.detent_host, client C.detent_client_id, text string) C.detent_status {
	return C.say(host, client, first(text), C.size_t(len(text)))
}

//export goOnOpen
func goOnOpen(host *C.detent_host, client C.detent_client_id, place *C.uintptr_t, sink *C.detent_sink) (status C.detent_status) {
	defer guarded(sink, &status)
	// A pointer of Go's must not lie in C: a handle stands for it.
	*place = C.uintptr_t(cgo.NewHandle(&session{}))
	return say(host, client, "hello from Go")
}

//export goOnMessage
func goOnMessage(host *C.detent_host, place C.uintptr_t, client C.detent_client_id, payload C.detent_bytes, sink *C.detent_sink) (status C.detent_status) {
	defer guarded(sink, &status)
	of := cgo.Handle(place).Value().(*session)
	text := C.GoStringN((*C.char)(unsafe.Pointer(payload.data)), C.int(payload.len))
	if text == "panic" {
		panic("told to panic")
	}
	of.count++
	return say(host, client, fmt.Sprintf("your message %d: %s", of.count, text))
}

//export goDrop
func goDrop(place C.uintptr_t) {
	cgo.Handle(place).Delete()
}

func main() {}
