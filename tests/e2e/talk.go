// SPDX-License-Identifier: Apache-2.0
// talk - a Go client and server of everything, inside one program
//
// Usage: talk PEER4 PEER6 NAME - the peer echoes on port 7001 and says
// EOFSEEN at the end, and resets on port 7002. The output is the same wherever sockets are sockets.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func echoes(to string) {
	var wait sync.WaitGroup
	right := make([]bool, 50)
	for i := range right {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			data := bytes.Repeat([]byte(fmt.Sprint(i, " ")), 5000)
			c, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer c.Close()
			go func() {
				c.Write(data)
				c.(*net.TCPConn).CloseWrite()
			}()
			back, err := io.ReadAll(c)
			right[i] = err == nil &&
				string(back) == string(data)+"EOFSEEN"
		}(i)
	}
	wait.Wait()
	n := 0
	for _, ok := range right {
		if ok {
			n++
		}
	}
	fmt.Println("echoes", n)
}

func web() {
	page := strings.Repeat("a page ", 30000)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := &http.Server{Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, page)
		})}
	go server.Serve(l)
	var wait sync.WaitGroup
	var lock sync.Mutex
	n := 0
	for i := 0; i < 100; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			r, err := http.Get("http://" + l.Addr().String() + "/")
			check(err)
			b, err := io.ReadAll(r.Body)
			check(err)
			r.Body.Close()
			if string(b) == page {
				lock.Lock()
				n++
				lock.Unlock()
			}
		}()
	}
	wait.Wait()
	check(server.Close())
	_, err = net.Dial("tcp", l.Addr().String())
	fmt.Println("pages", n, errors.Is(err, syscall.ECONNREFUSED))
}

func datagrams() {
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(err)
	go func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := s.ReadFrom(buf)
			if err != nil {
				return
			}
			s.WriteTo(bytes.ToUpper(buf[:n]), from)
		}
	}()
	c, err := net.Dial("udp", s.LocalAddr().String())
	check(err)
	buf := make([]byte, 2048)
	for i := 0; i < 100; i++ {
		fmt.Fprintf(c, "number %d", i)
		n, err := c.Read(buf)
		check(err)
		if string(buf[:n]) != fmt.Sprintf("NUMBER %d", i) {
			fmt.Println("datagram", i, string(buf[:n]))
		}
	}
	fmt.Println("datagrams 100")
	s.Close()
}

func deadlines() {
	l, err := net.Listen("tcp", "[::1]:0")
	check(err)
	l.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
	_, err = l.Accept()
	fmt.Println("accept", errors.Is(err, os.ErrDeadlineExceeded))
	c, err := net.Dial("tcp", l.Addr().String())
	check(err)
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err = c.Read(make([]byte, 1))
	fmt.Println("read", errors.Is(err, os.ErrDeadlineExceeded))
	l.(*net.TCPListener).SetDeadline(time.Time{})
	a, err := l.Accept()
	check(err)
	fmt.Println("names", a.RemoteAddr().String() == c.LocalAddr().String(),
		c.RemoteAddr().String() == l.Addr().String())
	a.Close()
	c.SetReadDeadline(time.Time{})
	_, err = c.Read(make([]byte, 1))
	fmt.Println("end", err == io.EOF)
}

func reset(to string) {
	c, err := net.Dial("tcp", to)
	check(err)
	c.Write([]byte("x"))
	_, err = c.Read(make([]byte, 1))
	fmt.Println("reset", errors.Is(err, syscall.ECONNRESET))
}

func main() {
	for _, to := range os.Args[1:] {
		echoes(net.JoinHostPort(to, "7001"))
	}
	_, err := net.Dial("tcp", net.JoinHostPort(os.Args[1], "1"))
	fmt.Println("refused", errors.Is(err, syscall.ECONNREFUSED))
	reset(net.JoinHostPort(os.Args[1], "7002"))
	web()
	datagrams()
	deadlines()
	interfaces, err := net.Interfaces()
	check(err)
	fmt.Println("interfaces", len(interfaces) > 0 &&
		interfaces[0].Flags&net.FlagLoopback != 0)
}
