package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/franela/pocketci/config"
)

// deployed is one agent as a file in deploy/ starts it.
type deployed struct {
	name  string
	args  []string
	env   map[string]string
	data  string // its data folder in the container
	grace time.Duration
	// mounts are what is mounted where, and with which permissions.
	mounts map[string]fs.FileMode
	// probes are paths that are asked for, at port.
	probes []string
	port   string
	// hosts are the names that the file gives.
	hosts []string
}

// image is what ci/ makes the agent's image with.
type image struct{ data, uid string }

func readImage(t *testing.T) image {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "ci", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	one := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("ci/main.go holds no %s", pattern)
		}
		return string(found[1])
	}
	i := image{data: one(`"POCKETCI_DATA_DIR", "([^"]+)"`), uid: one(`"--uid", "(\d+)"`)}
	if user := one(`WithUser\("([^"]+)"`); user != i.uid+":"+i.uid {
		t.Errorf("the image's user is %s; Kubernetes only believes a number not to be root: want %s", user, i.uid)
	}
	return i
}

// TestDeployComposeRuns starts the agents of the compose file as it says.
func TestDeployComposeRuns(t *testing.T) {
	img := readImage(t)
	type service struct {
		Command     []string
		Environment map[string]string
		Ports       []string
		Tmpfs       []string
		Volumes     []string
		Grace       string `yaml:"stop_grace_period"`
	}
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	decodeFile(t, filepath.Join("..", "..", "deploy", "compose.yaml"), func(d *yaml.Decoder) error { return d.Decode(&file) })
	var hosts []string
	for name := range file.Services {
		hosts = append(hosts, name)
	}
	settings := map[string]string{
		"GITHUB_USERNAME": "octo-ci", "GITHUB_TOKEN": "token", "X_HUB_SIGNATURE": "s3cret",
		"POSTGRES_PASSWORD": "0123456789abcdef", "POCKETCI_REPOS": "octo/*",
	}
	var all []deployed
	for name, s := range file.Services {
		if len(s.Command) == 0 || s.Command[0] != "receive" && s.Command[0] != "work" {
			continue
		}
		d := deployed{name: name, args: s.Command, env: map[string]string{}, data: img.data, hosts: hosts, mounts: map[string]fs.FileMode{}, port: "8080", probes: []string{"/healthz", "/readyz"}}
		for k, v := range s.Environment {
			d.env[k] = substitute(t, v, settings)
		}
		if own, ok := d.env["POCKETCI_DATA_DIR"]; ok {
			d.data = own
		}
		var err error
		if d.grace, err = time.ParseDuration(s.Grace); err != nil {
			t.Errorf("%s: stop_grace_period: %v", name, err)
		}
		for _, v := range s.Volumes {
			volume, at, _ := strings.Cut(v, ":")
			if _, ok := file.Volumes[volume]; !ok {
				t.Errorf("%s: there is no volume %s", name, volume)
			}
			// A new volume is as the image's folder at that place: root's where there is none.
			if at == path.Dir(img.data) {
				d.mounts[at] = 0o755
			} else {
				t.Errorf("%s: the image has no folder %s that its user may write to", name, at)
			}
		}
		for _, v := range s.Tmpfs {
			at, options, _ := strings.Cut(v, ":")
			if !slices.Contains(strings.Split(options, ","), "uid="+img.uid) {
				t.Errorf("%s: %s is not the image's user's", name, at)
			}
			d.mounts[at] = 0o700
		}
		if s.Command[0] == "receive" && !slices.ContainsFunc(s.Ports, func(p string) bool { return strings.HasSuffix(p, ":"+d.port) }) {
			t.Errorf("%s: no port leads to %s", name, d.port)
		}
		all = append(all, d)
	}
	runDeployed(t, all)
}

// TestDeployKubernetesRuns starts the agents of the manifests as they say.
func TestDeployKubernetesRuns(t *testing.T) {
	img := readImage(t)
	objects := kubernetesObjects(t)
	secrets, hosts := map[string]string{}, []string{}
	for _, o := range objects {
		switch o.Kind {
		case "Secret":
			for k, v := range o.StringData {
				secrets[o.Metadata.Name+"/"+k] = strings.NewReplacer("<password>", "0123456789abcdef").Replace(v)
			}
		case "Service":
			hosts = append(hosts, o.Metadata.Name)
		case "StatefulSet":
			for n := range o.Spec.Replicas {
				hosts = append(hosts, fmt.Sprintf("%s-%d.%s", o.Metadata.Name, n, o.Spec.ServiceName))
			}
		}
	}
	var all []deployed
	for _, o := range objects {
		if o.Kind != "Deployment" {
			continue
		}
		pod := o.Spec.Template.Spec
		c := pod.Containers[0]
		d := deployed{name: o.Metadata.Name, env: map[string]string{}, hosts: hosts, mounts: map[string]fs.FileMode{}, grace: time.Duration(pod.Grace) * time.Second}
		for _, a := range c.Args {
			d.args = append(d.args, strings.ReplaceAll(a, "OWNER", "octo"))
		}
		for _, e := range c.Env {
			ref := e.ValueFrom.SecretKeyRef
			v, ok := secrets[ref.Name+"/"+ref.Key]
			if !ok {
				t.Errorf("%s: secret %s has no key %s", d.name, ref.Name, ref.Key)
			}
			d.env[e.Name] = v
		}
		if pod.Security.RunAsUser != img.uid || pod.Security.FSGroup != img.uid || !pod.Security.RunAsNonRoot {
			t.Errorf("%s: securityContext %+v; the image's user is %s", d.name, pod.Security, img.uid)
		}
		for _, m := range c.VolumeMounts {
			d.mounts[m.MountPath] = 0o777 // as emptyDir is
		}
		for _, p := range []struct{ Path, Port string }{c.ReadinessProbe.HTTPGet, c.LivenessProbe.HTTPGet} {
			d.probes, d.port = append(d.probes, p.Path), p.Port
		}
		if len(c.Ports) != 1 || c.Ports[0].ContainerPort != d.port {
			t.Errorf("%s: ports %v, probes at %s", d.name, c.Ports, d.port)
		}
		for range o.Spec.Replicas {
			all = append(all, d)
		}
	}
	runDeployed(t, all)
}

// object is as much of a Kubernetes object as the test looks at.
type object struct {
	Kind       string
	Metadata   struct{ Name string }
	StringData map[string]string `yaml:"stringData"`
	Spec       struct {
		Replicas    int
		ServiceName string `yaml:"serviceName"`
		Template    struct {
			Spec struct {
				Grace    int `yaml:"terminationGracePeriodSeconds"`
				Security struct {
					RunAsNonRoot bool   `yaml:"runAsNonRoot"`
					RunAsUser    string `yaml:"runAsUser"`
					FSGroup      string `yaml:"fsGroup"`
				} `yaml:"securityContext"`
				Containers []struct {
					Args []string
					Env  []struct {
						Name      string
						ValueFrom struct {
							SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
						} `yaml:"valueFrom"`
					}
					Ports []struct {
						ContainerPort string `yaml:"containerPort"`
					}
					ReadinessProbe probe `yaml:"readinessProbe"`
					LivenessProbe  probe `yaml:"livenessProbe"`
					VolumeMounts   []struct {
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
			}
		}
	}
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func kubernetesObjects(t *testing.T) (all []object) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "kubernetes", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		decodeFile(t, f, func(d *yaml.Decoder) error {
			for {
				var o object
				if err := d.Decode(&o); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				all = append(all, o)
			}
		})
	}
	return all
}

func decodeFile(t *testing.T, name string, decode func(*yaml.Decoder) error) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err == nil {
		err = decode(yaml.NewDecoder(bytes.NewReader(text)))
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// substitute puts values in for ${NAME} and ${NAME:?what it is}.
func substitute(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`\$\{(\w+)(:\?[^}]*)?\}`).ReplaceAllStringFunc(text, func(ref string) string {
		name, _, _ := strings.Cut(strings.Trim(ref, "${}"), ":?")
		v, ok := values[name]
		if !ok {
			t.Errorf("nobody is told to give %s", name)
		}
		return v
	})
}

// runDeployed starts agents with their commands, environment and folders, delivers a
// push to one that receives and waits for the status from one that works. PostgreSQL,
// GitHub and the engines, fake ones under the names in the file, are the test's.
func runDeployed(t *testing.T, all []deployed) {
	c := startCluster(t)
	flags := receiveCommand(system(fakeEngine), &config.Environment{}).Flags()
	grace, err := time.ParseDuration(flags.Lookup("shutdown-grace").DefValue)
	if err != nil {
		t.Fatal(err)
	}
	var receiver *member
	workers := 0
	for n, d := range all {
		if d.grace <= grace {
			t.Errorf("%s: is killed after %s, though it may take %s to end", d.name, d.grace, grace)
		}
		m := c.start(fmt.Sprint(d.name, n), d.vars(c, n), d.local(c, n)...)
		for _, p := range d.probes {
			if code, body, err := fetch("http://"+m.addr+p, ""); err != nil || code != http.StatusOK {
				t.Errorf("%s: %s: %d %s %v", d.name, p, code, body, err)
			}
		}
		if d.args[0] == "receive" {
			receiver = m
			d.listens(c, flags.Lookup("listen").DefValue)
		} else {
			workers++
		}
	}
	if receiver == nil || workers < 2 {
		t.Fatalf("%d agents work, one receives: %v; want two and one", workers, receiver != nil)
	}
	sha := c.repo("hello", "OnGithubPush print hello")
	c.push(receiver, "hello", sha)
	c.status("hello", sha, "success")
}

// vars is the environment: the file's, but for where GitHub and PostgreSQL are.
func (d deployed) vars(c *cluster, n int) (vars []string) {
	c.t.Helper()
	for k, v := range d.env {
		switch k {
		case "GITHUB_TOKEN":
			v = c.gh.Token()
		case "GITHUB_USERNAME":
			v = c.gh.Login()
		case "X_HUB_SIGNATURE":
			v = "s3cret"
		case "POCKETCI_STORE":
			u, err := url.Parse(v)
			if err != nil || u.Scheme != "postgres" || !slices.Contains(d.hosts, u.Hostname()) || u.Path != "/pocketci" {
				c.t.Errorf("%s: POCKETCI_STORE is %s (%v); want the database of %v", d.name, v, err, d.hosts)
			}
			continue
		case "POCKETCI_HEALTH_LISTEN":
			d.listens(c, v)
			continue
		}
		vars = append(vars, k+"="+v)
	}
	return append(vars, "POCKETCI_DATA_DIR="+d.folder(c, n, d.data))
}

// local are the arguments: the file's, but for folders and where to listen.
func (d deployed) local(c *cluster, n int) (args []string) {
	c.t.Helper()
	for i := 0; i < len(d.args); i++ {
		name, value, joined := strings.Cut(d.args[i], "=")
		if !joined && strings.HasPrefix(name, "--") {
			i++
			value = d.args[i]
		}
		switch name {
		case "--data-dir":
			value = d.folder(c, n, value)
		case "--health-listen":
			d.listens(c, value)
			continue
		case "--engine":
			for host := range strings.SplitSeq(value, ",") {
				u, err := url.Parse(host)
				if err != nil || u.Scheme != "tcp" || u.Port() != "1234" || !slices.Contains(d.hosts, u.Hostname()) {
					c.t.Errorf("%s: engine %s (%v); want one of %v", d.name, host, err, d.hosts)
				}
			}
		}
		if strings.HasPrefix(name, "--") {
			name += "=" + value
		}
		args = append(args, name)
	}
	return args
}

func (d deployed) listens(c *cluster, at string) {
	c.t.Helper()
	if at != ":"+d.port {
		c.t.Errorf("%s: listens at %s, and is asked at port %s", d.name, at, d.port)
	}
}

// folder makes what is mounted around a folder in the container, and gives the
// folder's place on this machine.
func (d deployed) folder(c *cluster, n int, in string) string {
	c.t.Helper()
	root := filepath.Join(c.dir, "root"+strconv.Itoa(n))
	for at, mode := range d.mounts {
		if in != at && !strings.HasPrefix(in, at+"/") {
			continue
		}
		here := filepath.Join(root, at)
		if err := errors.Join(os.MkdirAll(here, 0o755), os.Chmod(here, mode)); err != nil {
			c.t.Fatal(err)
		}
		return filepath.Join(root, in)
	}
	if in != "" {
		c.t.Errorf("%s: nothing is mounted at the data folder %s", d.name, in)
	}
	return filepath.Join(root, "none")
}
