package notice

import "fmt"

func ExampleDeviceOf() {
	fmt.Println(DeviceOf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36 Edg/137.0.0.0"))
	fmt.Println(DeviceOf("Ihr Konto ist gesperrt, rufen Sie 0900 an"))
	// Output:
	// {Edge Linux}
	// { }
}
