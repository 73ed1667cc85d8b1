// SPDX-License-Identifier: Apache-2.0

// resolve.go - net.LookupHost of each argument; built without cgo
package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	for _, name := range os.Args[1:] {
		addrs, err := net.LookupHost(name)
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		for _, addr := range addrs {
			fmt.Println(addr)
		}
	}
}
